"""Objects that come in parts: one file, written at each part's place, checked whole at the end.

    parts/<Space>-<upload>/data            the object, with holes where parts are missing
    parts/<Space>-<upload>/00001.<etag>    an empty file for each part that came whole

Nothing here is durable or believed: only the hash of the complete file counts (LFS-13). While
parts are written the file is held shared, and alone while it is completed, so that no byte changes
once it was checked.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from gitserver.lfs.batch import part_count
from gitserver.lfs.sockets import Stop
from gitserver.lfs.staging import WRITE_BACK, Chunk, WrongContent, start_writing
from spaceport.errors import Conflict, Invalid, NotFound, Unavailable
from spaceport.failpoints import failpoint
from spaceport.names import SpaceKey

_UPLOAD = re.compile(r"[0-9a-f]{16,64}")
_READ = 1 << 20
DATA = "data"


class Parts:
    """One upload in parts. Blocks. `total` and `chunk` are bytes of the object and of a part."""

    def __init__(
        self, root: Path, key: SpaceKey, upload: str, total: int, chunk: int, *, most: int = 64
    ) -> None:
        """`most`: how many uploads in parts the Space may have open."""
        if not _UPLOAD.fullmatch(upload) or chunk < 1:
            raise Invalid("This is no upload of ours.")
        self.folder = root / f"{key}-{upload}"
        self._others = f"{key}-*"
        self._most = most
        self.total = total
        self.chunk = chunk
        self.count = part_count(total, chunk)

    def begin(self, number: int) -> PartSink:
        """A place for a part, which may be sent again. Raises `Conflict` while it is completed."""
        if not 1 <= number <= self.count:
            raise Invalid(f"This upload has parts 1 to {self.count}.")
        self._open_folder()
        path = self.folder / DATA
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            _hold(descriptor, path, fcntl.LOCK_SH)
            for old in self.folder.glob(f"{number:05}.*"):
                old.unlink(missing_ok=True)
        except BaseException:
            os.close(descriptor)
            raise
        start = (number - 1) * self.chunk
        return PartSink(self.folder, number, descriptor, start, min(self.chunk, self.total - start))

    def _open_folder(self) -> None:
        """Raises `Unavailable` for one too many: each may take the room of a whole object."""
        if self.folder.is_dir():
            return
        if sum(1 for _ in self.folder.parent.glob(self._others)) >= self._most:
            raise Unavailable(
                f"This Space has {self._most} uploads in parts that are not finished.",
                hint="Finish them, or wait until they are removed after a day.",
            )
        self.folder.mkdir(exist_ok=True)

    def etags(self) -> dict[int, str]:
        """Of the parts that came whole."""
        found = {}
        with suppress(FileNotFoundError):
            for path in self.folder.iterdir():
                number, dot, etag = path.name.partition(".")
                if dot:
                    found[int(number)] = etag
        return found

    def complete(self, given: Mapping[int, str], oid: str, stop: Stop) -> Path:
        """Check all of it and make it durable; gives the file, to be handed to a store.

        Raises `WrongContent` unless every part is there and the content is that of `oid` (other
        content is dropped at once); `NotFound` for an upload that is over, `Conflict` while a
        part is being sent.
        """
        if dict(given) != self.etags() or sorted(given) != list(range(1, self.count + 1)):
            raise WrongContent(f"Not each of the {self.count} parts came, or not with these ETags.")
        path = self.folder / DATA
        if not self.count:
            self.folder.mkdir(exist_ok=True)
            path.touch(mode=0o600)
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            raise NotFound("This upload is over. Ask for a new one.") from None
        try:
            _hold(descriptor, path, fcntl.LOCK_EX)
            found = _hash(descriptor, self.total, stop)
            if found != oid:
                self.discard()
                raise WrongContent(f"The parts together have the SHA-256 {found}.")
            failpoint("lfs:before-sync")
            os.fsync(descriptor)
            # The name is nobody else's from here on: late parts find their file gone.
            return path.rename(self.folder / "whole")
        finally:
            os.close(descriptor)

    def discard(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)


class PartSink:
    """A part that is being received. Either `finish` or `discard`."""

    def __init__(self, folder: Path, number: int, descriptor: int, start: int, size: int) -> None:
        self._folder = folder
        self._number = number
        self._file = descriptor
        self._start = start
        self._size = size
        self._hash = hashlib.sha256()
        self._sent = 0
        self.taken = 0

    @property
    def left(self) -> int:
        return self._size - self.taken

    def write(self, data: Chunk) -> None:
        """Raises `WrongContent` beyond the part's size, `OSError` when the disk is full."""
        with memoryview(data) as view:
            if view.nbytes > self.left:
                raise WrongContent(f"This part has {self._size} bytes, and more came.")
            failpoint("lfs:write")
            self._hash.update(view)
            done = 0
            while done < view.nbytes:
                at = self._start + self.taken + done
                done += os.pwrite(self._file, view[done:], at)
            self.taken += view.nbytes
        if self.taken - self._sent >= WRITE_BACK:
            start_writing(self._file, self._start + self._sent, self.taken - self._sent)
            self._sent = self.taken

    def finish(self) -> str:
        """Its ETag. Raises `WrongContent` when bytes are missing."""
        if self.left:
            raise WrongContent(f"This part has {self._size} bytes, and {self.taken} came.")
        etag = self._hash.hexdigest()
        with suppress(FileNotFoundError):  # completed, or dropped, meanwhile
            (self._folder / f"{self._number:05}.{etag}").touch()
        self.discard()
        return etag

    def discard(self) -> None:
        descriptor, self._file = self._file, -1
        if descriptor >= 0:
            os.close(descriptor)


def _hold(descriptor: int, path: Path, how: int) -> None:
    """Raises `Conflict` when others hold the file, `NotFound` when it is not `path` any more."""
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Conflict("Parts of this upload are still being sent.") from None
    mine = os.fstat(descriptor)
    try:
        here = path.stat()
    except FileNotFoundError:
        raise NotFound("This upload is over. Ask for a new one.") from None
    if (mine.st_dev, mine.st_ino) != (here.st_dev, here.st_ino):
        raise NotFound("This upload is over. Ask for a new one.")


def _hash(descriptor: int, total: int, stop: Stop) -> str:
    """Of the file, if it has just so many bytes."""
    if os.fstat(descriptor).st_size != total:
        raise WrongContent("The parts together do not have the object's size.")
    found = hashlib.sha256()
    at = 0
    while at < total and not stop.asked:
        piece = os.pread(descriptor, _READ, at)
        if not piece:
            break
        found.update(piece)
        at += len(piece)
    return found.hexdigest()
