"""Xorbs: chunks of files back to back, each with a head of 8 bytes (hub-api 8.3).

Everything in a xorb was written by a stranger. Its heads are walked once, when it arrives, and give
an index with all sizes checked; a chunk is inflated only when a file needs it, and never to more
than its head said.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import NamedTuple

from lz4.frame import LZ4FrameDecompressor

from spaceport.errors import Invalid

HEAD_BYTES = 8
FOOTER = b"XETBLOB"
RAW, LZ4, PLANES_LZ4 = 0, 1, 2
PLANES = 4


class BadXorb(Invalid):
    """Raised for a xorb that breaks the format or a limit; the message says where."""


@dataclass(frozen=True)
class XorbLimits:
    """What one xorb may hold. hf_xet cuts xorbs at 64 MiB and 8,192 chunks."""

    chunks: int = 8192
    unpacked_bytes: int = 128 * 1024 * 1024  # of all chunks together
    chunk_bytes: int = 4 * 1024 * 1024  # of one, packed or unpacked


class Head(NamedTuple):
    """A chunk's head: bytes as sent, the scheme, bytes of content."""

    packed: int
    scheme: int
    size: int


def read_head(data: bytes, limits: XorbLimits) -> Head:
    """Raises `BadXorb` for an unknown version or scheme, or a size above the limit."""
    if len(data) < HEAD_BYTES:
        raise BadXorb("The xorb ends within the head of a chunk")
    packed = int.from_bytes(data[1:4], "little")
    size = int.from_bytes(data[5:8], "little")
    if data[0] != 0:
        raise BadXorb(f"The xorb has a chunk of version {data[0]}; only 0 is known")
    if data[4] not in (RAW, LZ4, PLANES_LZ4):
        raise BadXorb(f"The xorb has a chunk of compression scheme {data[4]}; 0, 1 and 2 are known")
    if not 0 < size <= limits.chunk_bytes or not 0 < packed <= limits.chunk_bytes:
        raise BadXorb(f"The xorb has a chunk of {packed} bytes for {size} bytes of content")
    if data[4] == RAW and packed != size:
        raise BadXorb(f"The xorb has a raw chunk of {packed} bytes that says it has {size}")
    return Head(packed, data[4], size)


def unpack(data: bytes, limits: XorbLimits) -> bytes:
    """The content of a chunk, given with its head. Raises `BadXorb`; never inflates more than the
    head says."""
    head = read_head(data, limits)
    body = data[HEAD_BYTES:]
    if len(body) != head.packed:
        raise BadXorb("The xorb ends within a chunk")
    if head.scheme == RAW:
        return body
    content = _inflate(body, head.size)
    return content if head.scheme == LZ4 else _interleave(content)


def _inflate(body: bytes, size: int) -> bytes:
    frame = LZ4FrameDecompressor()
    try:
        content: bytes = frame.decompress(body, max_length=size + 1)
    except (RuntimeError, ValueError, MemoryError):  # what lz4 raises for a broken frame
        raise BadXorb("The xorb has a chunk that is no LZ4 frame") from None
    if len(content) != size or not frame.eof or frame.unused_data:
        raise BadXorb("The xorb has an LZ4 chunk of another size than it says")
    return content


def _interleave(planes: bytes) -> bytes:
    """Content from its byte-planes: first bytes 0, 4, 8..., then 1, 5, 9...; earlier planes are a
    byte longer where the size is no multiple of four."""
    content = bytearray(len(planes))
    start = 0
    for plane in range(PLANES):
        stop = start + len(range(plane, len(planes), PLANES))
        content[plane::PLANES] = planes[start:stop]
        start = stop
    return bytes(content)


@dataclass(frozen=True)
class XorbIndex:
    """Where each chunk begins, and how much content is before it; both with one entry more, for the
    end."""

    offsets: array[int]
    before: array[int]

    @property
    def chunks(self) -> int:
        return len(self.offsets) - 1

    def size_of(self, start: int, end: int) -> int:
        """Content bytes of chunks [start, end). Raises `BadXorb` where there are no such chunks."""
        if not 0 <= start < end <= self.chunks:
            raise BadXorb(f"There are no chunks {start} to {end} in a xorb of {self.chunks}")
        return self.before[end] - self.before[start]


class Xorb:
    """A xorb in a file. A context manager; reading by offset, so threads may share it."""

    def __init__(self, file: int, limits: XorbLimits, index: XorbIndex | None = None) -> None:
        """Takes over the file descriptor; walks the xorb unless that was done before.

        Raises `BadXorb`.
        """
        self._limits = limits
        self._file = file
        try:
            self.index = index or _walk(file, limits)
        except BaseException:
            os.close(self._file)
            raise

    def __enter__(self) -> Xorb:
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

    def content(self, start: int, end: int) -> Iterator[bytes]:
        """The content of chunks [start, end), chunk by chunk. Raises `BadXorb`."""
        self.index.size_of(start, end)
        offsets = self.index.offsets
        for chunk in range(start, end):
            data = os.pread(self._file, offsets[chunk + 1] - offsets[chunk], offsets[chunk])
            yield unpack(data, self._limits)


def _walk(file: int, limits: XorbLimits) -> XorbIndex:
    size = os.fstat(file).st_size
    offsets, before = array("I", [0]), array("I", [0])
    at = content = 0
    while at < size:
        data = os.pread(file, HEAD_BYTES, at)
        if data.startswith(FOOTER):
            break
        head = read_head(data, limits)
        at += HEAD_BYTES + head.packed
        content += head.size
        if at > size:
            raise BadXorb("The xorb ends within a chunk")
        if len(offsets) > limits.chunks:
            raise BadXorb(f"The xorb has more than {limits.chunks} chunks")
        if content > limits.unpacked_bytes:
            raise BadXorb(f"The xorb has more than {limits.unpacked_bytes} bytes of content")
        offsets.append(at)
        before.append(content)
    if len(offsets) == 1:
        raise BadXorb("The xorb has no chunks")
    return XorbIndex(offsets, before)
