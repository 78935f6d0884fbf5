"""A request's body as a stream of bounded pieces: inflated if need be, and not too slow."""

from __future__ import annotations

import asyncio
import time
import zlib
from collections.abc import AsyncIterator, Iterator

from aiohttp import StreamReader

_GZIP = b"\x1f\x8b"
_INFLATED_PIECE = 1 << 18
_READ = 1 << 18
_GRACE = 10.0
_LEAST_RATE = 1024


class BodyTooLarge(Exception):
    """Raised when a body has more bytes than its service takes."""


class BodyTooSlow(Exception):
    """Raised when nothing, or next to nothing, comes for too long."""


class BadEncoding(Exception):
    """Raised for a body that is not compressed as it says."""


def accepted_encoding(header: str | None) -> bool:
    """Whether a Content-Encoding is one that we take: none, or one layer of gzip (GIT-24)."""
    return (header or "identity").strip().lower() in ("identity", "gzip", "x-gzip")


async def read_body(
    stream: StreamReader, *, compressed: bool, limit: int, idle: float
) -> AsyncIterator[bytes]:
    """The pieces of a body, inflated.

    `compressed` says that the client named gzip. Where the HTTP library has inflated it already,
    the pieces do not begin with gzip's mark (and no request of git's does), and pass as they are.
    """
    inflater: zlib._Decompress | None = None
    taken, first = 0, compressed
    async for piece in _paced(stream, idle):
        if first and len(piece) >= 2:
            first = False
            inflater = zlib.decompressobj(31) if piece.startswith(_GZIP) else None
        for part in (piece,) if inflater is None else _inflate(inflater, piece):
            taken += len(part)
            if taken > limit:
                raise BodyTooLarge
            yield part
    if inflater is not None and not inflater.eof:
        raise BadEncoding("the compressed body is cut off")


async def _paced(stream: StreamReader, idle: float) -> AsyncIterator[bytes]:
    waited, received = 0.0, 0
    while True:
        begun = time.monotonic()
        try:
            async with asyncio.timeout(idle):
                piece = await stream.read(_READ)
        except TimeoutError:
            raise BodyTooSlow from None
        waited += time.monotonic() - begun
        received += len(piece)
        if not piece:
            return
        if waited > _GRACE and received < _LEAST_RATE * (waited - _GRACE):
            raise BodyTooSlow
        yield piece


def _inflate(inflater: zlib._Decompress, data: bytes) -> Iterator[bytes]:
    try:
        while data:
            part = inflater.decompress(data, _INFLATED_PIECE)
            if part:
                yield part
            data = inflater.unconsumed_tail
            if inflater.eof and (data or inflater.unused_data):
                raise BadEncoding("bytes follow the compressed body")
    except zlib.error as error:
        raise BadEncoding(f"the body is not gzip ({error})") from None
