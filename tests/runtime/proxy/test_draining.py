"""Swapping replicas: nothing fails, nothing goes to the wrong one, old requests finish."""

from __future__ import annotations

import asyncio

import pytest

from config.proxy import ProxySettings, Timeouts
from runtime.proxy.routes import Replicas, Route, RouteTable, Upstream
from runtime.proxy.server import Proxy
from spaceport.stage import Stage
from tests.runtime.proxy.apps import App, recording, scripted
from tests.runtime.proxy.conftest import Bench, Client, body_of, route, status_of
from tests.waiting import aeventually

GET = b"GET / HTTP/1.1\r\nHost: app.localhost\r\n\r\n"


def held(release: asyncio.Event, body: bytes) -> App:
    """Answers only when it is released."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await release.wait()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        await writer.drain()

    return App(handle)


async def test_new_requests_go_to_the_new_replica_and_old_ones_finish(bench: Bench) -> None:
    release = asyncio.Event()
    old = await bench.app(held(release, b"old"))
    new = await bench.app(recording(b"new"))
    proxy = await bench.proxy(route("app", Replicas((old.upstream("old"),))))
    waiting = await bench.client()
    await waiting.send(GET)
    await aeventually(lambda: proxy.in_flight("old") == 1, 5)
    proxy.routes = proxy.routes.with_route(route("app", Replicas((new.upstream("new"),))))
    drained = asyncio.create_task(proxy.drained("old"))
    assert body_of(await bench.get()) == b"new"
    assert not drained.done()
    release.set()
    assert (await waiting.answer())[2] == b"old"
    await asyncio.wait_for(drained, 5)
    await waiting.send(GET)  # the very same connection is not bound to the old replica
    assert (await waiting.answer())[2] == b"new"
    assert proxy.in_flight("old") == 0
    await asyncio.wait_for(proxy.drained("old"), 1)
    await asyncio.wait_for(proxy.drained("never heard of"), 1)
    await aeventually(lambda: old.open == 0, 5)


async def test_a_drains_deadline_cuts_what_is_left(bench: Bench) -> None:
    app = scripted(then="hold")
    proxy = await bench.serving(app)
    client = await bench.client()
    await client.send(GET)
    await aeventually(lambda: proxy.in_flight("replica-1") == 1, 5)
    proxy.routes = RouteTable()
    assert proxy.cut("replica-1", websockets_only=True) == 0
    assert proxy.cut("replica-1") == 1
    await asyncio.wait_for(proxy.drained("replica-1"), 5)
    assert await client.rest() == b""


@pytest.mark.req("PX-19")
async def test_after_the_swap_nothing_reaches_the_old_replica(bench: Bench) -> None:
    app = recording()
    proxy = await bench.serving(app)
    client = await bench.client()
    await client.send(GET)
    await client.answer()
    for gone in (RouteTable(), RouteTable([route("app", stage=Stage.PAUSED)])):
        proxy.routes = gone
        await client.send(GET)
        assert (await client.answer())[0] in (404, 503)
    assert len(app.requests) == 1


@pytest.mark.req("PX-19")
async def test_a_connection_made_meanwhile_is_not_used(bench: Bench) -> None:
    """The old replica's connection is ready only after the swap: the request goes to the new."""
    old, new = await bench.app(recording(b"old")), await bench.app(recording(b"new"))
    gate = asyncio.Event()

    async def slow() -> object:
        await gate.wait()
        return await old.connect()

    proxy = await bench.proxy(route("app", Replicas((Upstream("old", slow, 7860),))))  # type: ignore[arg-type]
    client = await bench.client()
    await client.send(GET)
    await aeventually(lambda: proxy.in_flight("old") == 1, 5)
    proxy.routes = RouteTable([route("app", Replicas((new.upstream("new"),)))])
    gate.set()
    assert (await client.answer())[2] == b"new"
    assert old.requests == [] and proxy.in_flight("old") == 0


async def test_swaps_under_load_fail_no_request(bench: Bench) -> None:
    """Forty deployments while clients ask without a pause."""
    first = await bench.app(recording(b"0"))
    proxy = await bench.proxy(route("app", Replicas((first.upstream("r0"),))))
    done = False

    async def ask() -> int:
        client, count = await bench.client(), 0
        while not done:
            await client.send(GET)
            status, _, _ = await client.answer()
            assert status == 200
            count += 1
        return count

    asking = [asyncio.create_task(ask()) for _ in range(4)]
    before = first
    for number in range(1, 41):
        app = await recording(b"%d" % number).start()
        proxy.routes = RouteTable([route("app", Replicas((app.upstream(f"r{number}"),)))])
        await aeventually(lambda app=app: app.requests, 5)
        await asyncio.wait_for(proxy.drained(f"r{number - 1}"), 5)
        await before.stop()
        before = app
    done = True
    assert sum(await asyncio.gather(*asking)) > 160
    await before.stop()


@pytest.mark.req("PX-18")
async def test_swapped_addresses_never_mix_two_spaces(bench: Bench) -> None:
    """Two Spaces stop and start so that each gets the other's address, while both get load: each
    request carries its Space's name, and no app ever sees the other's."""
    seen: dict[str, int] = {"one": 0, "two": 0}
    wrong: list[str] = []

    def app_of(name: str, port: int) -> App:
        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                if f"Host: {name}.localhost".encode() not in head:
                    wrong.append(name)
                seen[name] += 1
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n" + name.encode())
                await writer.drain()

        return App(handle, port=port)

    proxy = await bench.proxy()
    done = False
    refused = 0

    async def load(name: str) -> None:
        nonlocal refused
        client = await bench.client()
        while not done:
            await client.send(f"GET / HTTP/1.1\r\nHost: {name}.localhost\r\n\r\n".encode())
            status, _, body = await client.answer()
            if status == 200:
                assert body == name.encode()
            else:
                refused += 1
                assert status in (502, 503)

    names = ["one", "two"]
    apps = [await app_of(name, 0).start() for name in names]
    ports = [app.port for app in apps]
    loads = [asyncio.create_task(load(name)) for name in names for _ in range(4)]
    generation = 0
    while sum(seen.values()) < 10_000:
        generation += 1
        routes = [
            route(name, Replicas((app.upstream(f"{name}-{generation}"),)))
            for name, app in zip(names, apps, strict=True)
        ]
        proxy.routes = RouteTable(routes)
        target = sum(seen.values()) + 250
        await aeventually(lambda target=target: sum(seen.values()) >= target, 10, 0.002)
        # Without a drain, as when both die at once: the routes go first, then the addresses.
        proxy.routes = RouteTable([route(name, stage=Stage.APP_STARTING) for name in names])
        for app in apps:
            await app.stop()
        ports.reverse()
        apps = [await app_of(name, port).start() for name, port in zip(names, ports, strict=True)]
    done = True
    await asyncio.gather(*loads)
    assert wrong == [] and generation >= 10
    assert all(count > 3000 for count in seen.values())
    for app in apps:
        await app.stop()


async def test_requests_are_spread_over_replicas(bench: Bench) -> None:
    release = asyncio.Event()
    apps = [await bench.app(held(release, b"x")) for _ in range(3)]
    ups = tuple(app.upstream(f"r{number}") for number, app in enumerate(apps))
    proxy = await bench.proxy(route("app", Replicas(ups)))
    clients: list[Client] = [await bench.client() for _ in range(6)]
    for number, client in enumerate(clients):
        await client.send(GET)
        await aeventually(
            lambda number=number: sum(proxy.in_flight(f"r{n}") for n in range(3)) == number + 1, 5
        )
    assert [proxy.in_flight(f"r{number}") for number in range(3)] == [2, 2, 2]
    release.set()
    assert [(await client.answer())[0] for client in clients] == [200] * 6


async def test_unused_connections_are_closed_in_time(bench: Bench) -> None:
    app = recording()
    settings = ProxySettings(timeouts=Timeouts(sweep=0.02, pool_idle=0.1))
    await bench.serving(app, settings)
    assert status_of(await bench.get()) == 200
    await aeventually(lambda: app.open == 0, 5)
    assert status_of(await bench.get()) == 200 and app.connections == 2


async def test_a_connection_that_the_app_closed_is_not_used(bench: Bench) -> None:
    """The app closes an idle connection after each answer; no request is lost to that."""
    app = scripted(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    proxy = await bench.serving(app)
    pool = proxy.shared.pools.of(app.upstream())
    client = await bench.client()
    for _ in range(30):
        await client.send(GET)
        assert (await client.answer())[0] == 200
        await aeventually(lambda: app.open == 0 and not pool.idle, 5, 0.001)
    assert app.connections == 30


async def test_stopping_gives_running_requests_time(bench: Bench) -> None:
    release = asyncio.Event()
    app = held(release, b"done")
    proxy = await bench.serving(app)
    client, idle = await bench.client(), await bench.client()
    await client.send(GET)
    await aeventually(lambda: proxy.in_flight("replica-1") == 1, 5)
    stopping = asyncio.create_task(proxy.close(grace=5))
    release.set()
    assert (await client.answer())[2] == b"done"
    await asyncio.wait_for(stopping, 5)
    assert await idle.rest() == b""


async def test_two_spaces_cannot_claim_one_label(bench: Bench) -> None:
    other: Route = route("app", stage=Stage.PAUSED)
    with pytest.raises(ValueError, match="app"):
        RouteTable([route("app"), other])


async def test_two_proxies_share_one_port(bench: Bench) -> None:
    app = await bench.app(recording())
    table = RouteTable([route("app", Replicas((app.upstream(),)))])
    first = await bench.proxy()
    await first.close()
    proxies = [Proxy(), Proxy()]
    bench.proxies += proxies
    bench.port = await proxies[0].start("127.0.0.1", 0, reuse_port=True)
    assert await proxies[1].start("127.0.0.1", bench.port, reuse_port=True) == bench.port
    for proxy in proxies:
        proxy.routes = table
    for _ in range(60):
        assert status_of(await bench.get()) == 200
    assert all(proxy.metrics.connections > 0 for proxy in proxies)
