"""A base with `apt`, without a registry: a small Debian made by mmdebstrap, and our Python in it.

Only Spaces with a `packages.txt` need it; it takes about a minute, once (contracts/engine.md 1).
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from runtime.engine.base_tree import (
    ENV,
    USER,
    BaseTree,
    ask_interpreter,
    copy_interpreter,
    reference_of,
    rename_into_place,
)
from runtime.engine.shared_libraries import copy_missing_libraries
from spaceport.errors import Misconfigured

PROGRAM = "mmdebstrap"
SUITES = {"debian": "bookworm", "ubuntu": "jammy"}
"""What is made when the host does not say what it is itself."""

_LEAVE_OUT = (
    "path-exclude=/usr/share/doc/*",
    "path-exclude=/usr/share/man/*",
    "path-exclude=/usr/share/locale/*",
    "force-unsafe-io",
)


def can_make() -> bool:
    """Needs mmdebstrap, and root: an ordinary user cannot own a system's files."""
    return shutil.which(PROGRAM) is not None and os.geteuid() == 0


def debian_reference(python: str | Path = sys.base_prefix) -> str:
    """`spaceport-debian:py3.11-bookworm-0123456789ab`"""
    interpreter = ask_interpreter(Path(python))
    digest = hashlib.sha256(Path(__file__).read_bytes() + reference_of(interpreter).encode())
    return f"spaceport-debian:py{interpreter.short}-{_suite()}-{digest.hexdigest()[:12]}"


def make_debian_tree(destination: Path, python: str | Path = sys.base_prefix) -> BaseTree:
    """Make it in a folder of its own under `destination`, unless it is there already.

    Raises `Misconfigured` when the mirror cannot be reached or the host lacks mmdebstrap.
    """
    if not can_make():
        raise Misconfigured(
            "A base with apt cannot be made here.", hint=f"As root: apt install {PROGRAM}"
        )
    interpreter = ask_interpreter(Path(python))
    reference = debian_reference(python)
    path = destination / reference.replace(":", "-")
    if not path.exists():
        destination.mkdir(parents=True, exist_ok=True)
        half = Path(tempfile.mkdtemp(prefix=".making-", dir=destination))
        try:
            _bootstrap(half)
            modules = copy_interpreter(half, interpreter)
            copy_missing_libraries(half, modules)
            _add_user(half)
            half.chmod(0o755)
            rename_into_place(half, path)
        finally:
            shutil.rmtree(half, ignore_errors=True)
    return BaseTree(path, reference, interpreter.version, dict(ENV))


def _suite() -> str:
    try:
        told = platform.freedesktop_os_release()
    except OSError:
        return SUITES["debian"]
    return told.get("VERSION_CODENAME") or SUITES.get(told.get("ID", ""), SUITES["debian"])


def _bootstrap(root: Path) -> None:
    options = [f"--dpkgopt={option}" for option in _LEAVE_OUT]
    command = [PROGRAM, "--quiet", "--variant=apt", "--include=ca-certificates", *options]
    made = subprocess.run(
        [*command, _suite(), str(root)], capture_output=True, text=True, timeout=900
    )
    if made.returncode != 0:
        raise Misconfigured(
            f"{PROGRAM} could not make a Debian base: {made.stderr.strip()[-500:]}",
            hint="It needs a Debian mirror that can be reached.",
        )
    for log in (root / "var" / "log").glob("*.log"):
        log.unlink()


def _add_user(root: Path) -> None:
    with (root / "etc/passwd").open("a") as passwd:
        passwd.write(f"user:x:{USER[0]}:{USER[1]}:user:/home/user:/bin/sh\n")
    with (root / "etc/group").open("a") as group:
        group.write(f"user:x:{USER[1]}:\n")
    home = root / "home" / "user"
    home.mkdir(parents=True, exist_ok=True)
    os.chown(home, *USER)
