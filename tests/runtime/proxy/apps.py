"""Real little servers that stand for apps: one that records exactly what it saw, and bad ones."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import h11

from runtime.proxy.routes import Upstream

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Seen:
    """One request as an independent parser (h11) read it."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes = b""

    def header(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name.lower()]


@dataclass
class App:
    """A server on a free port of loopback; `connections` counts what it accepted."""

    handler: Handler
    connections: int = 0
    open: int = 0
    raw: list[bytes] = field(default_factory=list)
    requests: list[Seen] = field(default_factory=list)
    port: int = 0

    async def start(self) -> App:
        self._server = await asyncio.start_server(self._accepted, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        self._tasks: set[asyncio.Task[None]] = set()
        return self

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open += 1
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
        try:
            await self.handler(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self.open -= 1
            writer.close()

    async def stop(self) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def connect(self) -> socket.socket:
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        sock.setblocking(False)
        try:
            await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", self.port))
        except BaseException:
            sock.close()
            raise
        return sock

    def upstream(self, replica_id: str = "replica-1") -> Upstream:
        return Upstream(replica_id, self.connect, 7860)


def recording(answer: bytes = b"seen", extra: list[tuple[str, str]] | None = None) -> App:
    """Reads requests with h11 and answers each with 200; `/stop` closes."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = h11.Connection(h11.SERVER)
        while True:
            event = connection.next_event()
            if event is h11.NEED_DATA:
                data = await reader.read(65536)
                app.raw.append(data)
                connection.receive_data(data)
            elif isinstance(event, h11.Request):
                headers = [(key.decode(), value.decode("latin-1")) for key, value in event.headers]
                seen = Seen(event.method.decode(), event.target.decode(), headers)
                app.requests.append(seen)
            elif isinstance(event, h11.Data):
                seen.body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                fields = [("Content-Length", str(len(answer))), *(extra or [])]
                writer.write(connection.send(h11.Response(status_code=200, headers=fields)) or b"")
                if seen.method != "HEAD":
                    writer.write(connection.send(h11.Data(data=answer)) or b"")
                connection.send(h11.EndOfMessage())
                await writer.drain()
                if connection.our_state is h11.MUST_CLOSE:
                    return
                connection.start_next_cycle()
            else:
                return

    app = App(handle)
    return app


def scripted(*parts: bytes | float, then: str = "close") -> App:
    """Reads a head, then writes `parts` (a number is a pause in seconds) whatever was asked.

    `then`: "close", "reset" (RST), "hold" (say nothing more) or "again" (the next request).
    """

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            app.raw.append(await reader.readuntil(b"\r\n\r\n"))
            for part in parts:
                if isinstance(part, bytes):
                    writer.write(part)
                    await writer.drain()
                else:
                    await asyncio.sleep(part)
            if then == "hold":
                await reader.read()
            if then == "reset":
                writer.transport.abort()
            if then != "again":
                return

    app = App(handle)
    return app
