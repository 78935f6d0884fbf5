"""From the events of a job to the bytes on the wire: bursts of half a megabyte, in side-band."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator

from gitserver import pktline
from gitserver.pktline import MAX_BAND, Band
from gitserver.upload.answers import Event
from gitserver.upload.making import Making, inline
from gitserver.upload.request import ProtocolError
from spaceport.pools import Pools

BURST = 8 * MAX_BAND
"""Data bytes of one burst: a whole number of the longest packets."""

_PACKETS = 500
"""Packets of one burst at most; a read takes no more than 1,024 gaps."""

_KEEPALIVE = 5.0
_NOWAIT: int | None = getattr(os, "RWF_NOWAIT", None)


async def pack_bytes(
    events: AsyncIterator[tuple[Making, Event]], pools: Pools, size: int, *, quiet: bool
) -> AsyncIterator[bytes | bytearray]:
    """The pack of the events, framed in packets with `size` data bytes (0: not framed).

    Closes over the rest of `events`; ends after the last one. An error after the pack has begun
    goes out on the fatal band.
    """
    spoken = time.monotonic()
    part = _Part()
    try:
        async for making, event in events:
            match event["e"]:
                case "progress":
                    if quiet or not event["text"]:
                        if size and time.monotonic() - spoken > _KEEPALIVE:
                            spoken = time.monotonic()
                            yield b"0005\1"
                    elif size:
                        yield pktline.progress(event["text"], size)
                    continue
                case "bytes":
                    yield _framed(inline(event), size)
                case "part":
                    part = _Part(making.file(event))
                case "range" | "grown":
                    if event["e"] == "range":
                        span = _Part(making.file(event), event["offset"])
                        end = event["offset"] + event["length"]
                    else:
                        span, end = part, event["size"]
                    while span.position < end:
                        length = min(_PACKETS * (size or MAX_BAND), BURST, end - span.position)
                        burst = _Burst(length, size)
                        if not _read_now(span, burst):
                            await pools.run("files", _read, span, burst)
                        yield burst.framed
            spoken = time.monotonic()
    except ProtocolError as failure:
        if not size:
            raise
        yield b"".join(pktline.band(Band.FATAL, pktline.clean(str(failure)).encode(), size))


class _Part:
    """How far a file has been read."""

    def __init__(self, descriptor: int = -1, position: int = 0) -> None:
        self.descriptor = descriptor
        self.position = position


class _Burst:
    """A buffer with the packets' headers in place: the file is read into the gaps between them,
    so that its bytes are copied once."""

    def __init__(self, length: int, size: int) -> None:
        self.length = length
        if not size:
            self.framed = bytearray(length)
            self.gaps = [memoryview(self.framed)]
            return
        packets = -(-length // size)
        self.framed = bytearray(length + 5 * packets)
        view = memoryview(self.framed)
        self.gaps = []
        at = 0
        for start in range(0, length, size):
            piece = min(size, length - start)
            view[at : at + 5] = b"%04x\1" % (piece + 5)
            self.gaps.append(view[at + 5 : at + 5 + piece])
            at += 5 + piece


def _read_now(part: _Part, burst: _Burst) -> bool:
    """Read a burst if it is in the page cache; never waits for a disk."""
    if _NOWAIT is None:
        return False
    try:
        done = os.preadv(part.descriptor, burst.gaps, part.position, _NOWAIT)
    except OSError:
        return False  # not cached, or not offered by this file system
    if done != burst.length:
        return False
    part.position += done
    return True


def _read(part: _Part, burst: _Burst) -> None:
    done = os.preadv(part.descriptor, burst.gaps, part.position)
    if done != burst.length:
        raise ProtocolError("upload-pack: a pack is shorter than it was")
    part.position += done


def _framed(data: bytes, size: int) -> bytes:
    return b"".join(pktline.band(Band.DATA, data, size)) if size else data
