"""Where the objects of a push wait until every check has passed (GIT-06).

A folder of its own beside the repositories, on the same file system: nothing reads it as part of a
repository, and moving it in is a rename. A living process holds it by a lock that dies with it.
"""

from __future__ import annotations

import os
import secrets
import shutil
from pathlib import Path

from gitserver.durable import sync_folder
from gitserver.locks import hold_folder
from spaceport.errors import SpaceportError
from spaceport.failpoints import failpoint


class Quarantine:
    """An `objects` folder with one pack at most."""

    def __init__(self, folder: Path, mark: int) -> None:
        self.folder = folder
        self.mark = mark
        """A descriptor to hand to a child, so that the folder counts as used while it lives."""
        self.pack = folder / "received"
        """Where the bytes of the pack go as they come."""

    def discard(self) -> None:
        """Remove everything that was not moved. Once only."""
        shutil.rmtree(self.folder, ignore_errors=True)
        os.close(self.mark)

    def move_into(self, objects: Path, name: str) -> None:
        """Make the pack part of a repository, durably. Its files are durable already."""
        for suffix in (".pack", ".idx"):  # readers find a pack by its index, so that comes last
            source, target = self.folder / "pack" / f"{name}{suffix}", objects / "pack"
            if (target / source.name).exists():
                continue  # the very same pack was pushed before
            source.chmod(0o444)
            failpoint(f"push:before-move{suffix}")
            source.rename(target / source.name)
            failpoint(f"push:after-move{suffix}")
        sync_folder(objects / "pack")
        failpoint("push:after-pack-sync")


def open_quarantine(incoming: Path, key: str) -> Quarantine:
    """A fresh quarantine for the repository `key`; the caller discards it in the end."""
    folder = incoming / f"{key}-{secrets.token_hex(8)}"
    folder.mkdir(mode=0o700)
    mark = hold_folder(folder)
    if mark is None:
        raise SpaceportError("A new quarantine is held by somebody else.")
    try:
        (folder / "pack").mkdir()
    except OSError:
        os.close(mark)
        raise
    return Quarantine(folder, mark)
