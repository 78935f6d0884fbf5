"""A folder for the secrets of one build: ours alone, in memory, gone when the build is over."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MEMORY = Path("/dev/shm")  # noqa: S108  folders in it are made with random names and 0700
_MAKING, _HELD = "spaceport-making-", "spaceport-build-"


@contextmanager
def private_folder() -> Iterator[Path]:
    """In memory where the machine has a place for that; a lock tells that somebody uses it."""
    made = Path(tempfile.mkdtemp(prefix=_MAKING, dir=_home()))
    with _locked(made):
        # Only now: `remove_abandoned` of another process never sees it without its lock.
        folder = made.rename(made.with_name(made.name.replace(_MAKING, _HELD)))
        try:
            yield folder
        finally:
            with contextlib.suppress(OSError):
                shutil.rmtree(folder)


def remove_abandoned() -> None:
    """Remove what a process left that was killed in the middle of a build."""
    for folder in (_home() or Path(tempfile.gettempdir())).glob(f"{_HELD}*"):
        with contextlib.suppress(OSError):  # in use, or somebody else's
            if folder.lstat().st_uid == os.getuid():
                with _locked(folder):
                    shutil.rmtree(folder)


def _home() -> Path | None:
    return MEMORY if MEMORY.is_dir() and os.access(MEMORY, os.W_OK) else None


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """The kernel ends the lock with the process, however that ends. Raises `OSError` if it is
    another's."""
    held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(held)
