"""git's lock files, with our mark in them, so that those of a dead process can be told."""

from __future__ import annotations

import os
from pathlib import Path

from gitserver.locks import hold_folder

_MARK = b"spaceport "


def create_lock(lock: Path) -> None:
    """Take a lock file; what it says lets others find out that we died."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    with os.fdopen(os.open(lock, flags, 0o666), "wb") as out:
        out.write(_MARK + f"{os.getpid()}\n".encode())


def break_stale(common: Path, lock: Path) -> bool:
    """Remove a lock of ours whose process is dead; git's own are left alone. One at a time does
    that, so that nobody removes what another has taken meanwhile."""
    mark = hold_folder(common / "refs")
    if mark is None:
        return False
    try:
        text = lock.read_bytes()[:64]
        pid = text.removeprefix(_MARK).strip()
        if not text.startswith(_MARK) or not pid.isdigit() or Path(f"/proc/{int(pid)}").exists():
            return False
        lock.unlink()
    except OSError:
        return False
    finally:
        os.close(mark)
    return True
