"""Where xorbs wait for their shard: one folder for each upload, bounded, and gone soon after.

`<root>/<Space's key>/<upload id>/<xorb hash>`. Nothing here is durable on purpose: until its shard
was registered an upload has been acknowledged to nobody, and a client begins it anew.
"""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO

from gitserver.xet.hashes import is_hash
from spaceport.errors import Conflict, Invalid, Unavailable
from spaceport.names import SpaceKey

PART = "part-"  # of a file that is still being received
DOOMED = ".doomed-"  # of what is being removed


class SpoolFull(Unavailable):
    """Raised when other unfinished uploads leave no room; when they are over there is some."""


class UploadTooLarge(Invalid):
    """Raised when one upload alone is more than may ever wait."""


@dataclass(frozen=True)
class SpoolLimits:
    """Bytes of what waits, on the whole server and for one Space; what stays free on the disk;
    files of one upload; seconds after which a silent upload counts as abandoned."""

    all_bytes: int
    space_bytes: int
    free_bytes: int
    files: int
    idle: float


@dataclass(frozen=True)
class Upload:
    """One upload of one Space; both names are ours, and checked before they get here."""

    space: SpaceKey
    id: str


class Spool:
    """All unfinished uploads of one server. Thread-safe; every method blocks on the disk."""

    def __init__(self, root: Path, limits: SpoolLimits) -> None:
        self._root = root
        self._limits = limits
        self._lock = threading.Lock()
        self._used: dict[SpaceKey, int] = {}
        root.mkdir(parents=True, exist_ok=True)
        for doomed in root.glob(f"{DOOMED}*"):
            shutil.rmtree(doomed, ignore_errors=True)
        for space in self._spaces():
            for folder in _folders(space):
                for part in folder.glob(f"{PART}*"):  # what a killed server was receiving
                    part.unlink(missing_ok=True)
                self._take(space.name, sum(_files(folder)))

    def folder(self, upload: Upload) -> Path:
        return self._root / upload.space / upload.id

    def xorb(self, upload: Upload, name: str) -> Path:
        """Where a xorb of the upload is, if it was sent. Raises `ValueError` for no hash."""
        if not is_hash(name):
            raise ValueError("no hash")
        return self.folder(upload) / name

    def receive(self, upload: Upload, most: int) -> Part:
        """A file to write at most `most` bytes to; that room is taken until it is closed.

        Raises `SpoolFull`, `UploadTooLarge` and `OSError` (ENOSPC) before anything is written.
        """
        self._reserve(upload, most)
        try:
            folder = self.folder(upload)
            folder.mkdir(parents=True, exist_ok=True)
            return Part(folder, most, lambda kept: self._take(upload.space, kept - most))
        except BaseException:
            self._take(upload.space, -most)
            raise

    def used(self, space: SpaceKey) -> int:
        """Bytes that wait, or are being received, for a Space."""
        with self._lock:
            return self._used.get(space, 0)

    def drop(self, upload: Upload) -> None:
        """Forget an upload; there need be none."""
        self._remove(upload.space, self.folder(upload))

    def sweep(self, now: float, gone: Callable[[SpaceKey], bool]) -> int:
        """Remove uploads that nothing was added to for long, and those of Spaces that are `gone`.

        Returns how many. `now` is in seconds since the epoch.
        """
        removed = 0
        for space in self._spaces():
            absent = gone(space.name)
            for folder in _folders(space):
                if absent or now - _touched(folder) > self._limits.idle:
                    self._remove(space.name, folder)
                    removed += 1
            if absent:
                with suppress(OSError):  # somebody was still sending: the next sweep
                    space.rmdir()
        return removed

    def _spaces(self) -> list[Path]:
        return [folder for folder in _folders(self._root) if not folder.name.startswith(DOOMED)]

    def _reserve(self, upload: Upload, most: int) -> None:
        limits = self._limits
        own = _files(self.folder(upload))
        if len(own) >= limits.files:
            raise UploadTooLarge(f"An upload has at most {limits.files} parts")
        if sum(own) + most > limits.space_bytes:
            raise UploadTooLarge(f"An upload has at most {limits.space_bytes} bytes")
        if shutil.disk_usage(self._root).free - most < limits.free_bytes:
            raise OSError(errno.ENOSPC, "uploads leave some room on the disk")
        with self._lock:
            mine, every = self._used.get(upload.space, 0), sum(self._used.values())
            if mine + most > limits.space_bytes or every + most > limits.all_bytes:
                raise SpoolFull(
                    "Too much is being uploaded at once.",
                    hint="Try again when other uploads are over.",
                )
            self._used[upload.space] = mine + most

    def _take(self, space: SpaceKey, size: int) -> None:
        with self._lock:
            left = self._used.get(space, 0) + size
            if left > 0:
                self._used[space] = left
            else:
                self._used.pop(space, None)

    def _remove(self, space: SpaceKey, folder: Path) -> None:
        """Renamed first, so that of two who remove it one counts it; who still writes to it finds
        it gone and fails."""
        doomed = Path(tempfile.mkdtemp(dir=self._root, prefix=DOOMED))
        try:
            folder.rename(doomed / "upload")
            self._take(space, -sum(_files(doomed / "upload")))
        except FileNotFoundError:
            pass
        finally:
            shutil.rmtree(doomed, ignore_errors=True)


class Part:
    """A file that is being received: a context manager that removes it unless it was kept."""

    def __init__(self, folder: Path, most: int, closed: Callable[[int], None]) -> None:
        """`closed` is told at the end how many bytes were kept."""
        descriptor, name = tempfile.mkstemp(dir=folder, prefix=PART)
        self.path = Path(name)
        self._most = most
        self._size = self._kept = 0
        self._closed = closed
        self._file: IO[bytes] = os.fdopen(descriptor, "w+b")

    def __enter__(self) -> Part:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def write(self, pieces: Sequence[bytes]) -> None:
        """Raises `OSError`, also for more bytes than were reserved."""
        self._size += sum(len(piece) for piece in pieces)
        if self._size > self._most:
            raise OSError("more bytes than were reserved")
        self._file.writelines(pieces)

    def descriptor(self) -> int:
        """A file descriptor of its own to read what was written, also when the upload is dropped
        meanwhile."""
        self._file.flush()
        return os.dup(self._file.fileno())

    def keep(self, path: Path) -> bool:
        """Give the file its name. False if there is one already; then that one stays.

        Raises `Conflict` when the upload was dropped meanwhile.
        """
        self._file.flush()
        try:
            os.link(self.path, path)
        except FileExistsError:
            return False
        except FileNotFoundError:
            raise Conflict("The upload is over", hint="Start it again.") from None
        self._kept = self._size
        return True

    def close(self) -> None:
        """May be called once."""
        try:
            self._file.close()
            self.path.unlink(missing_ok=True)
        finally:
            self._closed(self._kept)


def _folders(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.is_dir() and not path.is_symlink()]


def _files(folder: Path) -> list[int]:
    """Bytes of each file that was kept."""
    sizes = []
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            if not entry.name.startswith(PART):
                sizes.append(entry.stat(follow_symlinks=False).st_size)
    return sizes


def _touched(folder: Path) -> float:
    """When something was last added; parts that grow count."""
    newest = 0.0
    with suppress(FileNotFoundError):
        newest = folder.stat().st_mtime
        for entry in os.scandir(folder):
            if entry.name.startswith(PART):
                newest = max(newest, entry.stat(follow_symlinks=False).st_mtime)
    return newest
