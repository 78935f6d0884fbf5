"""An open WebSocket: two transports, bytes both ways, nothing read into them (PX-14 to PX-16).

The tunnel leaves frames to the app and the browser: the proxy sends and checks none.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING

from runtime.proxy.answer import AnswerHead
from runtime.proxy.to_visitor import switching_head

if TYPE_CHECKING:
    from runtime.proxy.pool import Pool
    from runtime.proxy.relay import Visitor
    from runtime.proxy.shared import Shared
    from runtime.proxy.traffic import Traffic

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 4.2.2
_KEEPALIVE = ((socket.TCP_KEEPIDLE, 30), (socket.TCP_KEEPINTVL, 15), (socket.TCP_KEEPCNT, 4))


def accepts(answer: AnswerHead, key: bytes) -> bool:
    """Whether a 101 is the app's own consent to the WebSocket that `key` asked for."""
    digest = hashlib.sha1(key + _GUID, usedforsecurity=False).digest()
    return answer.upgrade == b"websocket" and answer.accept == base64.b64encode(digest)


def open_tunnel(visitor: Visitor, answer: AnswerHead, rest: bytes) -> bool:
    """Open the tunnel if this 101 is the right answer to a WebSocket request, else say no.

    `rest` is what the app sent behind its head.
    """
    head, app, pool, traffic = visitor.head, visitor.app, visitor.pool, visitor.traffic
    if head is None or app is None or pool is None or traffic is None:
        return False
    if not head.websocket_key or not accepts(answer, head.websocket_key):
        return False
    shared = visitor.shared
    shared.metrics.answered(101)
    shared.metrics.websockets += 1
    visitor.transport.write(switching_head(answer, visitor.request_id))
    tunnel = Tunnel(shared, pool, traffic, visitor.transport, app.release(), visitor.address)
    tunnel.open(visitor.hand_to_tunnel, rest)
    return True


class _End(asyncio.Protocol):
    """One end; what it reads is written to the other one."""

    __slots__ = ("other", "tunnel")

    other: asyncio.Transport

    def __init__(self, tunnel: Tunnel, other: asyncio.Transport) -> None:
        self.tunnel = tunnel
        self.other = other

    def data_received(self, data: bytes) -> None:
        self.tunnel.active = True
        self.other.write(data)

    def pause_writing(self) -> None:
        """This end takes no more: read no more from the other."""
        if not self.other.is_closing():
            self.other.pause_reading()

    def resume_writing(self) -> None:
        if not self.other.is_closing():
            self.other.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self.tunnel.close()


class Tunnel:
    """Counts as in flight for its replica and as use of its Space until it is closed."""

    is_websocket = True

    def __init__(
        self,
        shared: Shared,
        pool: Pool,
        traffic: Traffic,
        client: asyncio.Transport,
        app: asyncio.Transport,
        address: str,
    ) -> None:
        self.shared = shared
        self.pool = pool
        self.traffic = traffic
        self.address = address
        self.active = True
        self._client = client
        self._app = app
        self._deadline = 0.0
        self._closed = False

    def open(self, take_from_client: Callable[[], bytes], from_app: bytes) -> None:
        """Take both transports over, with the bytes that came behind the two heads."""
        self.pool.begin(self)  # before the visitor lets go: a drain sees no gap
        from_client = take_from_client()
        self.traffic.websockets += 1
        self.shared.tunnels.add(self)
        for transport, other in ((self._client, self._app), (self._app, self._client)):
            transport.set_protocol(_End(self, other))
            sock = transport.get_extra_info("socket")
            if sock is not None:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
                for option, value in _KEEPALIVE:
                    sock.setsockopt(socket.IPPROTO_TCP, option, value)
        if from_client:
            self._app.write(from_client)
        if from_app:
            self._client.write(from_app)

    def sweep(self, now: float) -> None:
        """Close it after silence; end it when it does not finish closing."""
        if self.active:
            self.active = False
            self.traffic.last_used = self.shared.wall
            if not self._closed:
                self._deadline = now + self.shared.settings.timeouts.websocket
        elif now > self._deadline:
            self.cut()

    def close(self) -> None:
        """One end is gone: flush what the other should still get, then close it too."""
        if self._closed:
            if self._client.is_closing() and self._app.is_closing():
                self._forget()
            return
        self._closed = True
        self.active = False
        self._deadline = self.shared.now + self.shared.settings.timeouts.closing
        self._client.close()
        self._app.close()

    def cut(self) -> None:
        """End both sides at once."""
        self._closed = True
        self._client.abort()
        self._app.abort()
        self._forget()

    def _forget(self) -> None:
        if self in self.shared.tunnels:
            self.shared.tunnels.discard(self)
            self.traffic.websockets -= 1
            self.traffic.last_used = self.shared.wall
            self.pool.end(self)
            self.shared.forget_address(self.address)
