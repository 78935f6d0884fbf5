"""Large objects as read-only files: `<root>/<first two digits>/<oid>` (LFS-18)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from gitserver.durable import sync_folder
from gitserver.lfs.store import ObjectLost, Stored
from spaceport.failpoints import failpoint

PIECE = 256 * 1024
_READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW


class OpenFile:
    """A `Source` over a file of the folder; it stays whole even if the object is removed."""

    def __init__(self, path: Path) -> None:
        self.descriptor: int = os.open(path, _READ)
        self.size = os.fstat(self.descriptor).st_size

    def pieces(self, start: int, stop: int) -> Iterator[bytes]:
        while start < stop:
            piece = os.pread(self.descriptor, min(PIECE, stop - start), start)
            if not piece:
                raise ObjectLost("The object is shorter than it was.")
            start += len(piece)
            yield piece

    def close(self) -> None:
        os.close(self.descriptor)


class FolderStore:
    """Implements `ObjectStore`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(parents=True, exist_ok=True)

    def path(self, oid: str) -> Path:
        return self.root / oid[:2] / oid

    def size(self, oid: str) -> int | None:
        try:
            return self.path(oid).stat().st_size
        except FileNotFoundError:
            return None

    def keep(self, staged: Path, oid: str, size: int) -> None:
        final = self.path(oid)
        present = self.size(oid) == size
        if present:
            staged.unlink()
            failpoint("lfs:known")
        else:
            # Not there, or damaged: the bytes at hand have been checked.
            if not final.parent.is_dir():
                final.parent.mkdir(exist_ok=True)
                sync_folder(self.root)
            staged.chmod(0o444)
            failpoint("lfs:before-rename")
            staged.rename(final)
            failpoint("lfs:after-rename")
        sync_folder(final.parent)  # also of a known one: another upload may just have renamed it
        failpoint("lfs:after-sync")

    def open(self, oid: str) -> OpenFile:
        try:
            return OpenFile(self.path(oid))
        except FileNotFoundError:
            raise ObjectLost(f"The object {oid} is not in the store.") from None

    def file(self, oid: str, size: int) -> Path:
        if self.size(oid) != size:
            raise ObjectLost(f"The object {oid} is not in the store.")
        return self.path(oid)

    def remove(self, oid: str) -> None:
        with suppress(FileNotFoundError):
            self.path(oid).unlink()
            sync_folder(self.path(oid).parent)

    def trim(self, unused_seconds: float) -> None:
        """There are no copies: the files themselves are linked to."""

    def listed(self) -> Iterator[Stored]:
        for folder in sorted(self.root.iterdir()):
            if len(folder.name) != 2 or not folder.is_dir():
                continue
            with os.scandir(folder) as entries:
                for entry in entries:
                    with suppress(FileNotFoundError):
                        status = entry.stat(follow_symlinks=False)
                        yield Stored(entry.name, status.st_size, status.st_mtime)
