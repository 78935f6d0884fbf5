"""Making, handing over and removing folders that containers write to.

What a container wrote is never trusted: links are not followed, and only plain folders that
nothing can change any more are moved into place.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

from spaceport.names import new_key

BUILD_UID = 1000


def build_user() -> tuple[int, int]:
    """User and group of build containers. Root hands folders over to 1000; any other user keeps
    its own id, or it could neither move nor remove what the container made."""
    uid = os.geteuid()
    return (BUILD_UID, BUILD_UID) if uid == 0 else (uid, os.getegid())


def fresh(parent: Path) -> Path:
    """A new folder with a name of its own."""
    parent.mkdir(parents=True, exist_ok=True)
    folder = parent / new_key()
    folder.mkdir()
    return folder


def own(folder: Path) -> Path:
    """Make `folder` exist. Raises `OSError` when something else took its place."""
    folder.mkdir(parents=True, exist_ok=True)
    if not is_plain(folder):
        raise NotADirectoryError(f"{folder} is not a folder of ours")
    return folder


def give(folder: Path) -> Path:
    """The same, and let build containers write to it."""
    own(folder)
    if os.geteuid() == 0:
        os.chown(folder, *build_user(), follow_symlinks=False)
    return folder


def is_plain(folder: Path) -> bool:
    """A real folder, not a link to one."""
    try:
        return stat.S_ISDIR(folder.lstat().st_mode)
    except OSError:
        return False


def read_small(file: Path, limit: int) -> bytes:
    """Read a file that a container wrote. Raises `OSError` for a link, a pipe or too much."""
    descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as opened:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_size > limit:
            raise OSError(f"{file.name} is not a small file")
        return opened.read(limit)


def discard(folder: Path) -> None:
    """Remove a tree, whatever its modes; gone already is fine. Never follows a link."""
    if not os.path.lexists(folder):
        return
    if not is_plain(folder):
        folder.unlink(missing_ok=True)
        return
    shutil.rmtree(folder, onerror=_open_up)


def _open_up(function: Callable[..., object], path: str, _error: object) -> None:
    """A folder without rights stops only owners that are not root: give them and try again."""
    if not os.path.lexists(path):
        return
    parent = Path(path).parent
    if not parent.is_symlink():
        parent.chmod(0o700)
    if function is os.unlink or function is os.rmdir:
        function(path)
        return
    if not Path(path).is_symlink():
        Path(path).chmod(0o700)
        shutil.rmtree(path, ignore_errors=True)
