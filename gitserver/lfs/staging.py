"""Objects on their way in: hashed while they are written, and invisible until they are whole.

<folder>/<process>/      files of uploads in one request; of no worth once the process is dead
<folder>/parts/          uploads in parts (`parts.py`), which outlive a restart
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import secrets
import shutil
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from gitserver.locks import hold_folder
from spaceport.errors import Invalid
from spaceport.failpoints import failpoint

PARTS = "parts"
WRITE_BACK = 8 << 20  # so many bytes are sent to the disk early, while more come in
_START_WRITING = 2  # SYNC_FILE_RANGE_WRITE
_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
Chunk = bytes | bytearray | memoryview
_libc = ctypes.CDLL(None, use_errno=True)


class WrongContent(Invalid):
    """Raised for bytes that are not those of the object: other hash, other length (LFS-02)."""


class Incoming:
    """One object that is being received. Blocks; use it from one thread at a time.

    Either `finish` and hand `path` to a store, or `discard`.
    """

    def __init__(self, path: Path, oid: str, size: int) -> None:
        self.path = path
        self.oid = oid
        self.size = size
        self.taken = 0
        self._hash = hashlib.sha256()
        self._sent = 0
        self._file = os.open(path, _NEW, 0o600)

    @property
    def left(self) -> int:
        return self.size - self.taken

    def write(self, data: Chunk) -> None:
        """Raises `WrongContent` beyond the size, `OSError` when the disk is full."""
        with memoryview(data) as view:
            if view.nbytes > self.left:
                raise WrongContent(f"More than the {self.size} bytes came that were announced.")
            failpoint("lfs:write")
            self._hash.update(view)
            done = 0
            while done < view.nbytes:
                done += os.write(self._file, view[done:])
            self.taken += view.nbytes
        if self.taken - self._sent >= WRITE_BACK:
            start_writing(self._file, self._sent, self.taken - self._sent)
            self._sent = self.taken

    def finish(self) -> None:
        """Check all of it and make it durable. Raises `WrongContent`; then nothing is kept."""
        if self.taken != self.size:
            raise WrongContent(f"{self.taken} bytes came instead of {self.size}.")
        if self._hash.hexdigest() != self.oid:
            raise WrongContent(f"The content has the SHA-256 {self._hash.hexdigest()}.")
        failpoint("lfs:before-sync")
        os.fsync(self._file)
        self._close()

    def discard(self) -> None:
        """Remove what came. Also right after `finish`, and after a store took the file."""
        self._close()
        with suppress(FileNotFoundError):
            self.path.unlink()

    def _close(self) -> None:
        descriptor, self._file = self._file, -1
        if descriptor >= 0:
            os.close(descriptor)


class Staging:
    """The folder for what comes in; on the file system of the store, if that is a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.parts = folder / PARTS
        self.parts.mkdir(parents=True, exist_ok=True)
        self._own: Path | None = None
        self._mark: int | None = None
        self._making = threading.Lock()

    def begin(self, oid: str, size: int) -> Incoming:
        """A place for an object. Raises `OSError`."""
        return Incoming(self._mine() / secrets.token_hex(8), oid, size)

    def receive(self, oid: str, size: int, chunks: Iterable[Chunk]) -> Incoming:
        """All of an object, checked and durable. Raises `WrongContent`, `OSError`."""
        incoming = self.begin(oid, size)
        try:
            for chunk in chunks:
                incoming.write(chunk)
            incoming.finish()
        except BaseException:
            incoming.discard()
            raise
        return incoming

    def sweep(self, parts_older_than: float) -> int:
        """Remove what dead processes left, and uploads in parts that nobody touched for so many
        seconds; gives the number of folders removed."""
        with self._making:
            removed = sum(map(self._remove_if_dead, self.folder.iterdir()))
        before = time.time() - parts_older_than
        for folder in self.parts.iterdir():
            with suppress(FileNotFoundError):
                if folder.stat().st_mtime < before:
                    shutil.rmtree(folder, ignore_errors=True)
                    removed += 1
        return removed

    def _remove_if_dead(self, folder: Path) -> bool:
        if folder.name == PARTS or folder == self._own:
            return False
        mark = hold_folder(folder)
        if mark is None:
            return False
        shutil.rmtree(folder, ignore_errors=True)
        os.close(mark)
        return True

    def close(self) -> None:
        """Remove what is unfinished; nothing may be coming in any more."""
        with self._making:
            if self._own is not None and self._mark is not None:
                shutil.rmtree(self._own, ignore_errors=True)
                os.close(self._mark)
                self._own = self._mark = None

    def _mine(self) -> Path:
        """This process's own folder, marked as alive."""
        with self._making:
            if self._own is None:
                folder = self.folder / f"{os.getpid()}-{secrets.token_hex(6)}"
                folder.mkdir()
                self._mark = hold_folder(folder)
                self._own = folder
            return self._own


def start_writing(descriptor: int, offset: int, count: int) -> None:
    """Let the kernel begin to write to the disk now; the later fsync then has little to wait for.

    A hint and no more: what fails here shows in fsync.
    """
    _libc.sync_file_range(
        ctypes.c_int(descriptor),
        ctypes.c_int64(offset),
        ctypes.c_int64(count),
        ctypes.c_uint(_START_WRITING),
    )
