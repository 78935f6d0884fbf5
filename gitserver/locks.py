"""One writer for each repository, in this process and across processes (flock)."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from spaceport.errors import NotFound, Unavailable

LOCK_FILE = "spaceport.lock"
_POLL = 0.005


@contextlib.contextmanager
def write_lock(repository: Path, wait: float) -> Iterator[None]:
    """Hold the repository for writing.

    Raises `Unavailable` when it is not free within `wait` seconds, and `NotFound` when the
    repository is not there, or was deleted while waiting (GIT-40).
    """
    try:
        descriptor = os.open(repository / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except (FileNotFoundError, NotADirectoryError):
        raise NotFound("This repository does not exist (any more).") from None
    try:
        if not _flock(descriptor, wait):
            raise Unavailable(
                f"Another push held this repository for more than {wait:g} seconds.",
                hint="Push again.",
            )
        if not _still_there(descriptor, repository / LOCK_FILE):
            raise NotFound("This repository was deleted meanwhile.")
        yield
    finally:
        os.close(descriptor)  # which lets go of the lock


def hold_folder(folder: Path) -> int | None:
    """Mark a folder as used by a living process; None if another one holds it.

    The mark goes when the descriptor given back is closed, also by the death of the process.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    if _flock(descriptor, 0):
        return descriptor
    os.close(descriptor)
    return None


def _flock(descriptor: int, wait: float) -> bool:
    deadline = time.monotonic() + wait
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(_POLL)


def _still_there(descriptor: int, path: Path) -> bool:
    try:
        here = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    mine = os.fstat(descriptor)
    return (here.st_dev, here.st_ino) == (mine.st_dev, mine.st_ino)
