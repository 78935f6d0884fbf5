"""`.gitattributes` for large files that came through the API, as the original keeps it.

A client says of each file whether it went to git-lfs, whatever the rules of the repository are. Git
knows the rules only: a pointer that none gives to git-lfs would be checked out as a pointer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from gitserver.lfs.attributes import LINES, MAX_BYTES, Attributes

_RULE = " filter=lfs diff=lfs merge=lfs -text"
_SPECIAL = re.compile(r"[\x00-\x20\x7f\"*?\[\]\\]")  # what ends or bends a pattern


def rule_for(path: str) -> str:
    """The line that gives just this file to git-lfs. A question mark stands for what a pattern
    cannot hold as it is: quotes and classes are not read alike by all of git's readers."""
    return f"/{_SPECIAL.sub('?', path)}{_RULE}"


def with_rules(present: bytes, rules: Attributes, paths: Iterable[str]) -> bytes | None:
    """The file of rules with a line more for each path that needs one.

    None where nothing is missing, and where the file would get longer than anybody reads.
    """
    known = set(present.decode("utf-8", "surrogateescape").splitlines())
    wanted = dict.fromkeys(rule_for(path) for path in paths if not rules.is_large(path))
    lines = [line for line in wanted if line not in known]
    added = "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape")
    between = b"\n" if present and not present.endswith(b"\n") else b""
    whole = present + between + added
    if not lines or len(whole) > MAX_BYTES or len(known) + len(lines) > LINES:
        return None
    return whole
