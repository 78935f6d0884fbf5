"""A request's body into a `Sink`: from the socket itself where that is safe, else as aiohttp reads.

In both ways hashing and writing happen on threads, and no client makes a thread wait.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from socket import socket

from aiohttp import StreamReader, web

from gitserver.lfs.sockets import (
    CutOff,
    Pace,
    Sink,
    TooSlow,
    Wire,
    in_thread,
    plain_socket,
    receive,
)
from gitserver.lfs.staging import Chunk, WrongContent
from spaceport.pools import Pools

DIRECT_FROM = 2 << 20  # bytes still to come; below, keeping the connection is worth more
BATCH = 1 << 20
LINGER = 10.0
_DIRECT: web.RequestKey[bool] = web.RequestKey("lfs.direct", bool)


async def receive_body(request: web.Request, sink: Sink, pools: Pools, idle: float) -> None:
    """Take the body. Raises `TooSlow`, `CutOff`, `WrongContent` for one too long, `OSError`.

    Afterwards, also after an error, `answered` must see the answer.
    """
    length = request.content_length
    if length is not None and length == sink.left and length >= DIRECT_FROM:
        sock = plain_socket(request)
        if sock is not None:
            try:
                await _direct(request, sock, sink, pools, idle)
            finally:
                sock.close()
            return
    await _streamed(request.content, sink, pools, idle)


def answered(request: web.Request, answer: web.StreamResponse) -> web.StreamResponse:
    """Close the connection after an answer to a body that went past aiohttp, which could not tell
    where the next request begins."""
    if request.get(_DIRECT) and not answer.prepared:
        answer.force_close()
    return answer


async def read_small(request: web.Request, size: int, idle: float) -> bytes:
    """A body of exactly `size` bytes, in memory. Raises as `receive_body` does."""
    pace = Pace(idle)
    data = bytearray()
    while piece := await _piece(request.content, pace):
        data += piece
        if len(data) > size:
            break
    if len(data) != size:
        raise WrongContent(f"{len(data)} bytes came instead of {size}.")
    return bytes(data)


async def _direct(
    request: web.Request, sock: socket, sink: Sink, pools: Pools, idle: float
) -> None:
    """aiohttp is told that the body is over, once it has handed out what it read of it."""
    transport = request.transport
    if transport is None:
        raise CutOff
    request[_DIRECT] = True
    held = _drained(request.content)
    request.content.feed_eof()
    transport.pause_reading()  # last, since both of these may let it go on
    wire = Wire(sock, sink.left - len(held))
    try:
        if held:
            await in_thread(pools, lambda stop: sink.write(held))
        await receive(wire, sink, pools, idle)
    except (TooSlow, CutOff):
        raise
    except Exception:
        # A client hears why only when it has sent what it wants to send.
        with suppress(TooSlow, CutOff, TimeoutError):
            async with asyncio.timeout(LINGER):
                await receive(wire, Nowhere(wire), pools, idle)
        raise


class Nowhere:
    """A `Sink` for what nobody wants any more."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    @property
    def left(self) -> int:
        return self._wire.left

    def write(self, data: Chunk) -> None:
        """Drop it."""


def _drained(content: StreamReader) -> bytes:
    """What was read already. Each read may let the parser hand out more, at once."""
    pieces = []
    while piece := content.read_nowait(-1):
        pieces.append(piece)
    return b"".join(pieces)


async def _streamed(content: StreamReader, sink: Sink, pools: Pools, idle: float) -> None:
    pace = Pace(idle)
    batch = bytearray()
    while piece := await _piece(content, pace):
        batch += piece
        if len(batch) >= BATCH:
            await _write(sink, batch, pools)
            batch = bytearray()
    await _write(sink, batch, pools)


async def _piece(content: StreamReader, pace: Pace) -> bytes:
    begun = time.monotonic()
    try:
        async with asyncio.timeout(pace.idle):
            piece = await content.readany()
    except TimeoutError:
        raise TooSlow from None
    except (web.RequestPayloadError, ConnectionError, EOFError):
        raise CutOff from None
    pace.moved(len(piece))
    pace.waited(time.monotonic() - begun)
    return piece


async def _write(sink: Sink, batch: bytearray, pools: Pools) -> None:
    if batch:
        await in_thread(pools, lambda stop: sink.write(batch))
