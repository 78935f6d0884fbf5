"""A client's connection as such: its state, its deadline, when it is read, how it ends."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from runtime.proxy import states

if TYPE_CHECKING:
    from runtime.proxy.shared import Shared

_RESET = struct.pack("ii", 1, 0)


class Mover(Protocol):
    """Moves bytes past the transport (`splice.py`)."""

    def stop(self) -> None: ...


def descriptor_of(transport: asyncio.Transport) -> int:
    """Raises `OSError` for a transport that is closed."""
    sock = transport.get_extra_info("socket")
    if sock is None or sock.fileno() < 0:
        raise OSError("the connection is closed")
    return int(sock.fileno())


class Client(asyncio.Protocol):
    """What `relay.Visitor` is built on; knows nothing of HTTP."""

    transport: asyncio.Transport

    def __init__(self, shared: Shared) -> None:
        self.shared = shared
        self.settings = shared.settings
        self.state = states.HEAD
        self.deadline = shared.now + shared.settings.timeouts.idle
        self.address = ""
        self.reading_paused = False
        self.mover: Mover | None = None  # it owns our socket's output now
        self._after_flush: Callable[[], None] | None = None
        self._never_flushed: Callable[[], None] = lambda: None
        self.head_begun = False  # some bytes of a request's head are here, not all

    def connection_lost(self, exc: Exception | None) -> None:
        self.state = states.CLOSED
        if self._after_flush is not None:
            self._after_flush = None
            self._never_flushed()
        if self.mover is not None:
            self.mover.stop()
            self.mover = None

    # -- writing -----------------------------------------------------------------------------

    def when_flushed(
        self, then: Callable[[], None], otherwise: Callable[[], None] = lambda: None
    ) -> None:
        """Call `then` as soon as the kernel has all that was written: at once, or later; or
        `otherwise` if the connection ends before."""
        if not self.transport.get_write_buffer_size():
            then()
            return
        self._after_flush, self._never_flushed = then, otherwise
        self.transport.set_write_buffer_limits(high=0)

    def pause_writing(self) -> None:
        if self._after_flush is None and self.mover is None:
            self.output_is_full()

    def resume_writing(self) -> None:
        then, self._after_flush = self._after_flush, None
        if then is not None:
            self.transport.set_write_buffer_limits()
            then()
        elif self.mover is None:
            self.output_has_room()

    def output_is_full(self) -> None:
        """The client reads slower than we write."""

    def output_has_room(self) -> None:
        """The client has caught up."""

    @property
    def descriptor(self) -> int:
        return descriptor_of(self.transport)

    # -- reading -----------------------------------------------------------------------------

    def pause_reading(self) -> None:
        if not self.reading_paused and not self.transport.is_closing():
            self.reading_paused = True
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        if self.reading_paused:
            self.reading_paused = False
            if not self.transport.is_closing():
                self.transport.resume_reading()

    # -- ending ------------------------------------------------------------------------------

    def close_gently(self, *, still_sending: bool) -> None:
        """Close so that a client which still sends can read its answer (RFC 9112 9.6)."""
        if self.state == states.CLOSED:
            return
        timeouts = self.settings.timeouts
        if still_sending and self.transport.can_write_eof():
            self.state = states.LINGER
            self.deadline = self.shared.now + timeouts.closing
            self.resume_reading()
            self.transport.write_eof()
        else:
            self.state = states.CLOSED
            self.deadline = self.shared.now + timeouts.keep_alive  # for flushing
            self.transport.close()

    def abort(self, *, reset: bool) -> None:
        """End it at once. `reset`: by RST, where a plain end would look like a complete body."""
        self.state = states.CLOSED
        sock = self.transport.get_extra_info("socket")
        if reset and sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.transport.abort()
