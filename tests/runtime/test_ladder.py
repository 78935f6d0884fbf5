"""Frozen and thawed for real: supervisor, proxy, containers of both engines, a visitor."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import select
from websockets.asyncio.client import connect

from config.proxy import ProxySettings, Timeouts
from runtime.proxy.server import Proxy
from spaceport import failpoints
from spaceport.engine import ContainerState
from spaceport.ledger.tables import events
from spaceport.names import SpaceKey
from spaceport.stage import Wanted
from spaceport.states import ReplicaState
from tests.runtime.proxy.conftest import Client
from tests.runtime.test_adoption import supervisor_process
from tests.runtime.world import QUICK, World
from tests.waiting import aeventually

pytestmark = pytest.mark.engine
SOON = 0.3  # seconds of no use after which it is frozen
QUICK_SWEEPS = ProxySettings(timeouts=Timeouts(sweep=0.1))

APP = """
import asyncio, base64, hashlib, signal, sys
async def serve(reader, writer):
    head = (await reader.readuntil(b"\\r\\n\\r\\n")).decode()
    fields = dict(line.split(": ", 1) for line in head.splitlines()[1:] if line)
    fields = {name.lower(): value for name, value in fields.items()}
    if "sec-websocket-key" in fields:
        key = fields["sec-websocket-key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        accept = base64.b64encode(hashlib.sha1(key.encode()).digest()).decode()
        writer.write(("HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: websocket\\r\\n"
            f"Connection: Upgrade\\r\\nSec-WebSocket-Accept: {accept}\\r\\n\\r\\n").encode())
        while data := await reader.read(999):
            mask, text = data[2:6], data[6:6 + (data[1] & 127)]
            plain = bytes(byte ^ mask[n %% 4] for n, byte in enumerate(text))
            writer.write(bytes([data[0], len(plain)]) + plain)
            if data[0] & 15 == 8:
                break
        return writer.close()
    body = await reader.readexactly(int(fields.get("content-length", 0)))
    text = f"%s {len(body)}".encode()
    writer.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: %%d\\r\\n\\r\\n" %% len(text) + text)
    writer.close()
async def main():
    def bye(*_):
        print("heard TERM", flush=True)
        sys.exit(0)
    signal.signal(signal.SIGTERM, bye)
    async with await asyncio.start_server(serve, "0.0.0.0", 7860) as server:
        print("serving", flush=True)
        await server.serve_forever()
asyncio.run(main())
"""


class Host:
    """The supervisor and a real proxy before it."""

    def __init__(self, world: World, proxy: Proxy, port: int) -> None:
        self.world = world
        self.proxy = proxy
        self.port = port

    async def ask(self, key: SpaceKey, body: bytes = b"") -> tuple[int, bytes]:
        """Status and body of one request to the Space's host."""
        route = await aeventually(lambda: self.world.route(key))
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            client = Client(reader, writer)
            head = f"POST / HTTP/1.1\r\nHost: {route.label}.localhost\r\n"
            await client.send(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
            status, _, text = await client.answer()
        finally:
            writer.close()
        return status, text

    async def serves(self, key: SpaceKey, text: bytes) -> None:
        async def right() -> bool:
            return await self.ask(key) == (200, text)

        await aeventually(right, 30)

    def states(self) -> list[ContainerState]:
        return [one.state for one in self.world.engine.list({})]

    async def freezes(self, key: SpaceKey) -> None:
        """Wait until row, route and container all are frozen."""

        async def right() -> bool:
            rows = [one.state for one in self.world.view(key).replicas]
            held = await asyncio.to_thread(self.states)
            return rows == [ReplicaState.FROZEN] and held == [ContainerState.FROZEN]

        await aeventually(right, 30)
        assert self.world.stage(key) == "RUNNING"

    def thaws(self) -> int:
        """How often a replica went from frozen to ready, as the event log tells it."""
        with self.world.ledger.read() as tx:
            rows = tx.execute(select(events.c.detail).order_by(events.c.seq)).scalars().all()
        told = [row["state"] for row in rows if "replica" in row and "state" in row]
        return sum(pair == ("frozen", "ready") for pair in pairwise(told))


@asynccontextmanager
async def serving(world: World, **settings: Any) -> AsyncIterator[Host]:
    world.settings = QUICK.model_copy(update={"freeze_after": SOON, **settings})
    world.proxy = Proxy(QUICK_SWEEPS, on_demand=lambda route: supervisor.on_demand(route))
    port = await world.proxy.start("127.0.0.1", 0)
    supervisor = world.start()
    try:
        yield Host(world, world.proxy, port)
    finally:
        await world.stop()
        await world.proxy.close()


def app(text: str) -> str:
    return APP % text


@pytest.mark.req("RUN-09", "RUN-12")
async def test_frozen_when_nobody_comes_and_thawed_once_for_all_who_come(either: World) -> None:
    world = either
    key = world.space()
    world.push(key, app("one"))
    async with serving(world) as host:
        await host.freezes(key)
        replica = world.newest_replica(key)
        before = world.supervisor.freezer.thaws  # type: ignore[union-attr]
        label = world.route(key).label  # type: ignore[union-attr]
        body = bytes(300_000)

        async def talk() -> str:
            where = f"ws://{label}.localhost/"
            async with connect(where, host="127.0.0.1", port=host.port, proxy=None) as socket:
                await socket.send("hello")
                return str(await socket.recv())

        *answers, echo = await asyncio.gather(*[host.ask(key, body) for _ in range(20)], talk())
        assert answers == [(200, b"one 300000")] * 20
        assert echo == "hello"
        assert world.supervisor.freezer.thaws == before + 1  # type: ignore[union-attr]
        await host.freezes(key)
        assert host.thaws() == 1
        assert world.newest_replica(key).id == replica.id


@pytest.mark.req("RUN-12")
async def test_an_open_websocket_holds_it_awake(either: World) -> None:
    world = either
    key = world.space()
    world.push(key, app("one"))
    async with serving(world) as host:
        await host.freezes(key)
        label = world.route(key).label  # type: ignore[union-attr]
        where = f"ws://{label}.localhost/"
        async with connect(where, host="127.0.0.1", port=host.port, proxy=None) as socket:
            await asyncio.sleep(SOON * 4)  # nothing is to happen
            assert host.states() == [ContainerState.RUNNING]
            await socket.send("still there")
            assert await socket.recv() == "still there"
        await host.freezes(key)


@pytest.mark.req("RUN-12")
async def test_a_frozen_one_hears_term_when_it_is_paused(either: World) -> None:
    world = either
    key = world.space()
    world.push(key, app("one"))
    async with serving(world) as host:
        await host.freezes(key)
        replica = world.newest_replica(key)
        world.want(key, Wanted.PAUSED)
        await world.settled(key, 0)
        log = world.run_log(key, replica.id)
        assert log[-2:] == ["heard TERM", "stopped"] or "heard TERM" in log


async def test_after_freezing_comes_sleep_and_a_visit_wakes_it(either: World) -> None:
    world = either
    key = world.space()
    world.push(key, app("one"))
    async with serving(world, sleep_free=2) as host:
        await host.freezes(key)
        await world.becomes(key, "SLEEPING")
        await world.settled(key, 0)
        await host.serves(key, b"one 0")


@pytest.mark.req("PX-19")
async def test_a_new_version_replaces_a_frozen_one(either: World) -> None:
    world = either
    key = world.space()
    world.push(key, app("one"))
    async with serving(world) as host:
        await host.freezes(key)
        world.push(key, app("two"))
        await host.serves(key, b"two 0")
        await world.settled(key, 1)
        await host.freezes(key)


async def test_one_that_cannot_be_thawed_is_replaced_and_the_request_waits_for_it(
    either: World,
) -> None:
    world = either
    key = world.space()
    world.push(key, app("one"))
    async with serving(world) as host:
        await host.freezes(key)
        replica = world.newest_replica(key)
        failpoints.arm("runtime:before-thaw", "raise")
        try:
            status, _ = await host.ask(key)
        finally:
            failpoints.disarm("runtime:before-thaw")
        assert status == 503
        await host.serves(key, b"one 0")
        await world.settled(key, 1)
        assert world.newest_replica(key).id != replica.id


async def test_one_that_was_killed_while_frozen_is_started_again(either: World) -> None:
    world = either
    key = world.space()
    world.push(key, app("one"))
    async with serving(world) as host:
        await host.freezes(key)
        for handle in world.containers():
            world.engine.remove(handle)
        await host.serves(key, b"one 0")
        await world.settled(key, 1)


async def test_what_the_engine_will_not_freeze_serves_on(either: World) -> None:
    world = either
    key = world.space()
    world.push(key, app("one"))
    failpoints.arm("runtime:before-freeze", "raise")
    try:
        async with serving(world) as host:
            await host.serves(key, b"one 0")
            await asyncio.sleep(SOON * 3)  # nothing is to happen
            assert await host.ask(key) == (200, b"one 0")
            assert host.states() == [ContainerState.RUNNING]
    finally:
        failpoints.disarm("runtime:before-freeze")


async def test_an_app_that_somebody_else_froze_is_thawed(either: World) -> None:
    world = either
    key = world.space()
    world.push(key, app("one"))
    async with serving(world, freeze_after=0) as host:
        await host.serves(key, b"one 0")
        world.engine.freeze(world.containers()[0])
        await aeventually(lambda: host.states() == [ContainerState.RUNNING])
        assert await host.ask(key) == (200, b"one 0")


@pytest.mark.req("DUR-05")
async def test_a_frozen_app_outlives_kill_9_and_is_thawed_by_the_next_spaceport(
    world: World,
) -> None:
    key = world.space()
    world.push(key, app("one"))

    def frozen() -> bool:
        return [one.state for one in world.engine.list({})] == [ContainerState.FROZEN]

    with supervisor_process(world, freeze_after=SOON):
        await aeventually(frozen, 30)
        await aeventually(lambda: world.newest_replica(key).state is ReplicaState.FROZEN)
    replica = world.newest_replica(key)
    async with serving(world, freeze_after=60) as host:
        await aeventually(lambda: world.route(key))
        assert frozen()
        assert await host.ask(key) == (200, b"one 0")
        assert world.newest_replica(key).id == replica.id


@pytest.mark.req("DUR-05")
@pytest.mark.parametrize("point", ["runtime:before-freeze", "runtime:after-freeze"])
async def test_killed_at_each_step_of_a_freeze(world: World, point: str) -> None:
    key = world.space()
    world.push(key, app("one"))
    with supervisor_process(world, f"{point}=exit", freeze_after=SOON) as process:
        await aeventually(lambda: process.poll() is not None, 30)
        assert process.returncode == 137
    async with serving(world) as host:
        assert await host.ask(key) == (200, b"one 0")
        await host.freezes(key)


@pytest.mark.req("DUR-05")
async def test_killed_right_after_a_thaw_the_row_follows_the_container(world: World) -> None:
    key = world.space()
    world.push(key, app("one"))
    with supervisor_process(world, freeze_after=SOON):
        await aeventually(lambda: _held(world), 30)
    world.engine.thaw(world.containers()[0])
    async with serving(world, freeze_after=60) as host:
        await aeventually(lambda: world.newest_replica(key).state is ReplicaState.READY)
        assert await host.ask(key) == (200, b"one 0")


def _held(world: World) -> bool:
    return [one.state for one in world.engine.list({})] == [ContainerState.FROZEN]
