"""Shards: which chunks of which xorbs make up the files of an upload (hub-api 8.3).

A shard may be large, so it stays in a file: the first pass checks every record and keeps a few
words for each file, the second yields the segments of one file.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType

from gitserver.xet.hashes import HASH_BYTES, hash_text
from spaceport.errors import Invalid

RECORD_BYTES = 48
MAGIC = b"HFRepoMetaData"
VERSION = 2
WITH_CHECKS, WITH_SHA256 = 1 << 31, 1 << 30
BOOKEND = b"\xff" * HASH_BYTES
_AT_ONCE = 1024  # records
_START = struct.Struct("<32sQQ")
_HEAD = struct.Struct("<32sII8x")
_SEGMENT = struct.Struct("<32sIIII")


class BadShard(Invalid):
    """Raised for a shard that breaks the format or a limit; the message says how."""


@dataclass(frozen=True)
class ShardLimits:
    """What one shard may say."""

    files: int = 10_000
    file_bytes: int = 5 * 1024**3
    all_bytes: int = 20 * 1024**3  # of all its files; they are made from chunks that may repeat
    chunk_bytes: int = 1024  # on average, at least; hf_xet cuts at 8 KiB or more
    small_chunks: int = 1000  # that an average does not count


@dataclass(frozen=True)
class ShardFile:
    """One file: its SHA-256 and bytes, and where its segments are in the shard."""

    sha256: str
    size: int
    first: int
    segments: int


@dataclass(frozen=True)
class Segment:
    """Chunks [start, end) of a xorb, which have `size` bytes of content."""

    xorb: str
    size: int
    start: int
    end: int


class Shard:
    """A shard in a file, checked. A context manager."""

    def __init__(self, file: int, limits: ShardLimits) -> None:
        """Takes over the file descriptor. Raises `BadShard`."""
        self._limits = limits
        self._file = file
        try:
            self._records = os.fstat(self._file).st_size // RECORD_BYTES
            self.files = tuple(self._read_files())
        except BaseException:
            os.close(self._file)
            raise

    def __enter__(self) -> Shard:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        os.close(self._file)

    def segments(self, file: ShardFile) -> Iterator[Segment]:
        """Every segment in order."""
        for record in self._read(file.first, file.segments):
            raw, _, size, start, end = _SEGMENT.unpack(record)
            yield Segment(hash_text(raw), size, start, end)

    def _read_files(self) -> Iterator[ShardFile]:
        self._check_start()
        at, count, total, chunks = 1, 0, 0, 0
        while True:
            (head,) = self._read(at, 1)
            if head.startswith(BOOKEND):
                return
            _, flags, segments = _HEAD.unpack(head)
            if not flags & WITH_SHA256:
                raise BadShard("The shard has a file without its SHA-256")
            first, at = at + 1, at + 1 + segments * (2 if flags & WITH_CHECKS else 1)
            (last,) = self._read(at, 1)  # checks that all records before it are there, too
            at += 1
            size, pieces = self._measure(first, segments)
            count, total, chunks = count + 1, total + size, chunks + pieces
            self._check(size, count, total, chunks)
            yield ShardFile(hash_text(last[:HASH_BYTES]), size, first, segments)

    def _measure(self, first: int, segments: int) -> tuple[int, int]:
        """Bytes of content and chunks of one file."""
        size = chunks = 0
        for record in self._read(first, segments):
            _, _, unpacked, start, end = _SEGMENT.unpack(record)
            if start >= end:
                raise BadShard(f"The shard names chunks {start} to {end} of a xorb")
            size += unpacked
            chunks += end - start
        return size, chunks

    def _check(self, size: int, count: int, total: int, chunks: int) -> None:
        limits = self._limits
        if size > limits.file_bytes:
            raise BadShard(f"A file has {size} bytes, and at most {limits.file_bytes} are kept")
        if count > limits.files:
            raise BadShard(f"The shard has more than {limits.files} files")
        if total > limits.all_bytes:
            raise BadShard(f"The files of the shard have more than {limits.all_bytes} bytes")
        if chunks > limits.small_chunks + total // limits.chunk_bytes:
            raise BadShard(
                f"The files of the shard are cut into {chunks} chunks, which are too small"
            )

    def _check_start(self) -> None:
        (start,) = self._read(0, 1)
        magic, version, _ = _START.unpack(start)
        if not magic.startswith(MAGIC):
            raise BadShard("This is no shard")
        if version != VERSION:
            raise BadShard(f"The shard has version {version}; only {VERSION} is known")

    def _read(self, first: int, count: int) -> Iterator[bytes]:
        """Whole records. Raises `BadShard` before reading where there are not so many."""
        if first + count > self._records:
            raise BadShard("The shard ends within its list of files")
        for at in range(first, first + count, _AT_ONCE):
            wanted = min(_AT_ONCE, first + count - at)
            data = os.pread(self._file, wanted * RECORD_BYTES, at * RECORD_BYTES)
            if len(data) != wanted * RECORD_BYTES:
                raise BadShard("The shard ends within its list of files")
            for start in range(0, len(data), RECORD_BYTES):
                yield data[start : start + RECORD_BYTES]
