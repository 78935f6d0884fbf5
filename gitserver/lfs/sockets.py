"""Moving bytes between a socket and a file in a thread, past the event loop (performance.md B).

The thread works as long as bytes move, and comes back as soon as the client makes it wait: waiting
is the event loop's task. So no number of slow clients holds up the threads (LFS-20).
"""

from __future__ import annotations

import asyncio
import os
import select
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol, TypeVar

from aiohttp import web

from gitserver.lfs.staging import Chunk
from spaceport.pools import Pools

BUFFER = 1 << 20
PATIENCE = 20  # milliseconds that a thread waits for a client before it comes back
AT_LEAST = 16 * 1024  # bytes that wake the event loop up for an upload
SENDFILE = 2 << 20
GRACE = 10.0
LEAST_RATE = 1024
_POOL = "large"
_T = TypeVar("_T")
_buffers = threading.local()


class Sink(Protocol):
    """What takes bytes: a whole object, or a part of one."""

    @property
    def left(self) -> int: ...

    def write(self, data: Chunk) -> None: ...


class TooSlow(Exception):
    """Raised when a client sends, or takes, next to nothing for too long."""


class CutOff(Exception):
    """Raised when a client goes in the middle."""


class Pace:
    """How a transfer goes along: silence, and the least rate after ten seconds (OVL-04)."""

    def __init__(self, idle: float) -> None:
        self.idle = idle
        self._waited = 0.0
        self._moved = 0

    def moved(self, count: int) -> None:
        self._moved += count

    def waited(self, seconds: float) -> None:
        """Raises `TooSlow`. Only time in which we waited for the client counts."""
        self._waited += seconds
        if self._waited > GRACE and self._moved < LEAST_RATE * (self._waited - GRACE):
            raise TooSlow


def plain_socket(request: web.Request) -> socket.socket | None:
    """The connection's own socket, again, if bytes on it are just those of HTTP; the caller closes
    it. None behind TLS, or where the transport has no socket."""
    transport = request.transport
    if transport is None or transport.is_closing():
        return None
    original = transport.get_extra_info("socket")
    if original is None or transport.get_extra_info("sslcontext") is not None:
        return None
    try:
        return socket.socket(fileno=os.dup(original.fileno()))
    except OSError:
        return None


@dataclass
class Wire:
    """A connection on which `left` bytes of a body are still to come."""

    sock: socket.socket
    left: int


async def receive(wire: Wire, sink: Sink, pools: Pools, idle: float) -> None:
    """All that is left on the wire. Raises `TooSlow`, `CutOff`, and what writing raises."""
    pace = Pace(idle)
    while wire.left:
        # No wake-up for every packet of a slow client; the last bytes must wake us all the same.
        least = min(AT_LEAST, wire.left)
        wire.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, least)
        await _ready(wire.sock, pace, to_write=False)
        pace.moved(await in_thread(pools, lambda stop: _take(wire, sink, stop)))


async def send(
    sock: socket.socket, file: int, start: int, count: int, pools: Pools, idle: float
) -> None:
    """Bytes of a file, by sendfile. Raises `TooSlow`, `CutOff`."""
    pace = Pace(idle)
    end = start + count
    while start < end:
        moved = await in_thread(pools, partial(_give, sock, file, start, end))
        start += moved
        pace.moved(moved)
        if start < end:
            await _ready(sock, pace, to_write=True)


class Stop:
    """Set when nobody waits for the thread any more."""

    asked = False


async def in_thread(pools: Pools, work: Callable[[Stop], _T]) -> _T:
    """Run `work` on the pool; when the caller is cancelled, wait until it has noticed: it uses
    files that the caller is about to close."""
    stop = Stop()
    running = asyncio.get_running_loop().run_in_executor(pools.executor(_POOL), work, stop)
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        stop.asked = True
        await asyncio.wait([running])
        raise


def _take(wire: Wire, sink: Sink, stop: Stop) -> int:
    """What the client sends now; how many bytes that were."""
    view = memoryview(_buffer())
    before, filled = wire.left, 0
    try:
        while wire.left and not stop.asked:
            try:
                count = wire.sock.recv_into(view[filled : min(BUFFER, filled + wire.left)])
            except BlockingIOError:
                if not _soon(wire.sock, select.POLLIN):
                    break
                continue
            except OSError:
                raise CutOff from None
            if count == 0:
                raise CutOff
            wire.left -= count
            filled += count
            if filled == BUFFER:
                filled = 0
                sink.write(view)
        return before - wire.left
    finally:
        if filled:
            sink.write(view[:filled])


def _give(sock: socket.socket, file: int, at: int, end: int, stop: Stop) -> int:
    begun = at
    while not stop.asked and at < end:
        try:
            count = os.sendfile(sock.fileno(), file, at, min(SENDFILE, end - at))
        except BlockingIOError:
            if not _soon(sock, select.POLLOUT):
                break
            continue
        except OSError:
            raise CutOff from None
        if count == 0:  # the file is shorter than it was
            raise CutOff
        at += count
    return at - begun


def _soon(sock: socket.socket, what: int) -> bool:
    poll = select.poll()
    poll.register(sock, what)
    return bool(poll.poll(PATIENCE))


def _buffer() -> bytearray:
    """One for each thread, so that memory does not grow with the number of clients."""
    found: bytearray | None = getattr(_buffers, "one", None)
    if found is None:
        found = _buffers.one = bytearray(BUFFER)
    return found


def _settle(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)


async def _ready(sock: socket.socket, pace: Pace, *, to_write: bool) -> None:
    """Wait in the event loop until the client is. Raises `TooSlow`."""
    loop = asyncio.get_running_loop()
    waiter: asyncio.Future[None] = loop.create_future()
    descriptor = sock.fileno()
    add, remove = (
        (loop.add_writer, loop.remove_writer) if to_write else (loop.add_reader, loop.remove_reader)
    )
    add(descriptor, _settle, waiter)
    begun = time.monotonic()
    try:
        async with asyncio.timeout(pace.idle):
            await waiter
    except TimeoutError:
        raise TooSlow from None
    finally:
        remove(descriptor)
    pace.waited(time.monotonic() - begun)
