"""WebSocket load: an echo server and a client, both on bare sockets so that they are not the limit.

`python -m benchmarks.proxy.websocket PORT` is the echo server.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import selectors
import socket
import sys
import time

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_PAYLOAD = os.urandom(128)
_MASK = b"\0\0\0\0"  # a mask of zeros leaves the bytes as they are
_FRAME = b"\x82" + bytes((0x80 | 126,)) + len(_PAYLOAD).to_bytes(2, "big") + _MASK + _PAYLOAD


class Echo(asyncio.Protocol):
    """Answers the handshake, then sends every byte back: the length of a frame is kept."""

    def __init__(self) -> None:
        self._open = False
        self._head = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        write = self._transport.write  # type: ignore[attr-defined]
        if self._open:
            write(data)
            return
        self._head += data
        if b"\r\n\r\n" in self._head:
            lines = self._head.split(b"\r\n")
            key = next(line for line in lines if line.lower().startswith(b"sec-websocket-key:"))
            digest = hashlib.sha1(key.partition(b":")[2].strip() + _GUID).digest()
            self._open = True
            write(
                b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Accept: " + base64.b64encode(digest) + b"\r\n\r\n"
            )


def connect(port: int) -> socket.socket:
    sock = socket.create_connection(("127.0.0.1", port))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.sendall(
        b"GET / HTTP/1.1\r\nHost: ws.localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "
        + base64.b64encode(os.urandom(16))
        + b"\r\n\r\n"
    )
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += sock.recv(1)
    if b" 101 " not in head:
        raise RuntimeError(head.decode())
    sock.setblocking(False)
    return sock


def round_trips(port: int, *, connections: int, window: int, seconds: float) -> int:
    """How many frames came back, with `window` of them under way on each connection."""
    selector = selectors.DefaultSelector()
    sockets = [connect(port) for _ in range(connections)]
    waiting = dict.fromkeys(sockets, 0)
    for sock in sockets:
        selector.register(sock, selectors.EVENT_READ)
        sock.send(_FRAME * window)
    done, size, end = 0, len(_FRAME), time.monotonic() + seconds
    while time.monotonic() < end:
        for key, _ in selector.select(0.1):
            sock = key.fileobj
            got = waiting[sock] + len(sock.recv(65536))  # type: ignore[index,union-attr]
            frames, waiting[sock] = divmod(got, size)  # type: ignore[index]
            if frames:
                done += frames
                sock.send(_FRAME * frames)  # type: ignore[union-attr]
    for sock in sockets:
        sock.close()
    return done


async def _serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Echo, "127.0.0.1", port, backlog=512)
    await server.serve_forever()


if __name__ == "__main__":
    import uvloop

    uvloop.install()
    asyncio.run(_serve(int(sys.argv[1])))
