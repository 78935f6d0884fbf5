"""A real proxy on a free port, with apps behind it, for each test."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
import uvloop

from config.proxy import ProxySettings
from runtime.proxy.routes import Folder, Replicas, Route, RouteTable
from runtime.proxy.server import Proxy
from spaceport.names import SpaceId
from spaceport.stage import Stage
from tests.runtime.proxy.apps import App


def route(label: str, target: Replicas | Folder | None = None, **changes: Any) -> Route:
    made = Route(
        label=label,
        space_key=label.ljust(24, "0"),
        space_id=SpaceId("ada", label),
        stage=Stage.RUNNING,
        target=target,
        hub_url=f"http://localhost/spaces/ada/{label}",
    )
    return replace(made, **changes)


@dataclass
class Client:
    """A raw connection to the proxy."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def head(self) -> bytes:
        return await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), 10)

    async def answer(self) -> tuple[int, bytes, bytes]:
        """Status, head and body of one answer with Content-Length."""
        head = await self.head()
        length = 0
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                length = int(line.partition(b":")[2])
        body = await asyncio.wait_for(self.reader.readexactly(length), 10)
        return int(head.split(b" ")[1]), head, body

    async def rest(self) -> bytes:
        """Everything until the proxy closes; fails when it does not."""
        try:
            return await asyncio.wait_for(self.reader.read(), 10)
        except ConnectionResetError:
            return b""

    def close(self) -> None:
        self.writer.transport.abort()


@dataclass
class Bench:
    """Builds proxies and apps for one test and ends them all."""

    proxies: list[Proxy] = field(default_factory=list)
    apps: list[App] = field(default_factory=list)
    clients: list[Client] = field(default_factory=list)
    port: int = 0

    async def app(self, app: App) -> App:
        self.apps.append(await app.start())
        return app

    async def proxy(
        self, *routes: Route, settings: ProxySettings | None = None, **options: Any
    ) -> Proxy:
        starting = {key: options.pop(key) for key in ("hub", "hub_hosts") if key in options}
        proxy = Proxy(settings, **options)
        proxy.routes = RouteTable(routes)
        self.port = await proxy.start("127.0.0.1", 0, **starting)
        self.proxies.append(proxy)
        return proxy

    async def serving(
        self, app: App, settings: ProxySettings | None = None, **changes: Any
    ) -> Proxy:
        """A proxy that serves `app` at app.localhost."""
        await self.app(app)
        return await self.proxy(
            route("app", Replicas((app.upstream(),)), **changes), settings=settings
        )

    async def client(self) -> Client:
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", self.port))
        client = Client(*await asyncio.open_connection(sock=sock, limit=2**20))
        self.clients.append(client)
        return client

    async def ask(self, payload: bytes) -> bytes:
        """Send, and read until the proxy closes."""
        client = await self.client()
        await client.send(payload)
        try:
            return await client.rest()
        finally:
            client.close()

    async def get(self, path: str = "/", host: str = "app.localhost", *fields: str) -> bytes:
        lines = [f"GET {path} HTTP/1.1", f"Host: {host}", *fields, "Connection: close", "", ""]
        return await self.ask("\r\n".join(lines).encode())

    async def close(self) -> None:
        for client in self.clients:
            client.close()
        for proxy in self.proxies:
            await proxy.close()
        for app in self.apps:
            await app.stop()


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Streams are tested under both event loops: flow control is where these differ."""
    loops: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {"asyncio": asyncio.new_event_loop}
    if item.path.name == "test_streams.py":
        loops["uvloop"] = uvloop.new_event_loop
    return loops


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    made = Bench()
    yield made
    await made.close()


def status_of(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.1 ") else 0


def field_of(answer: bytes, name: str) -> list[str]:
    head = answer.partition(b"\r\n\r\n")[0].decode("latin-1")
    lines = [line.partition(":") for line in head.split("\r\n")[1:]]
    return [value.strip() for key, _, value in lines if key.lower() == name.lower()]


def body_of(answer: bytes) -> bytes:
    return answer.partition(b"\r\n\r\n")[2]
