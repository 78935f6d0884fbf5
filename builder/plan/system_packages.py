"""packages.txt: Debian packages, checked so that nothing else can reach apt (BLD-10)."""

from __future__ import annotations

import re

from builder.failed import BuildFailed
from builder.files import Read
from spaceport.cause import Cause

FILE = "packages.txt"
MAX_PACKAGES = 500
_NAME = re.compile(
    r"[a-z0-9][a-z0-9+.-]{1,127}(:[a-z0-9-]{1,20})?(=[A-Za-z0-9][A-Za-z0-9.+:~-]{0,127})?"
)


def system_packages(read: Read) -> tuple[str, ...]:
    """Names in the order of the file. Raises `BuildFailed` with SYSTEM_PACKAGE_NOT_FOUND."""
    text = (read(FILE) or b"").decode("utf-8", "replace").removeprefix("\ufeff")
    found: dict[str, None] = {}
    for line in text.splitlines():
        for name in line.partition("#")[0].split():
            if not _NAME.fullmatch(name) or len(found) >= MAX_PACKAGES:
                raise BuildFailed.of(Cause.SYSTEM_PACKAGE_NOT_FOUND, package=repr(name[:80]))
            found[name] = None
    return tuple(found)
