"""The hub on the same port: handed over by Host, never to be confused with a Space."""

from __future__ import annotations

import pytest
from aiohttp import web

from runtime.proxy.handover import only_for_the_hub
from spaceport.stage import Stage
from tests.runtime.proxy.apps import recording
from tests.runtime.proxy.conftest import Bench, body_of, route, status_of

HUB = {"hub_hosts": ["localhost", "127.0.0.1", "[::1]"]}


async def hub_runner(bench: Bench) -> web.AppRunner:
    """A real aiohttp application as the hub; its server is what the proxy is given."""

    async def echo(request: web.Request) -> web.Response:
        return web.Response(body=b"hub:" + await request.read())

    app = web.Application(middlewares=[only_for_the_hub(lambda: bench.proxies[0].hosts)])
    app.router.add_route("*", "/{tail:.*}", echo)
    runner = web.AppRunner(app)
    await runner.setup()
    return runner


@pytest.mark.req("PX-30")
async def test_a_connection_belongs_to_the_host_that_opened_it(bench: Bench) -> None:
    app = await bench.app(recording())
    runner = await hub_runner(bench)
    proxy = await bench.proxy(route("app", stage=Stage.BUILDING), hub=runner.server, **HUB)
    assert proxy.hosts.domain == "localhost"
    try:
        for host in ("localhost", "LOCALHOST:8080", "127.0.0.1", "[::1]:80"):
            assert body_of(await bench.get("/x", host)) == b"hub:"
        client = await bench.client()
        await client.send(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 6\r\n\r\nabc")
        await client.send(b"def")
        assert (await client.answer())[2] == b"hub:abcdef"
        await client.send(b"GET / HTTP/1.1\r\nHost: app.localhost\r\n\r\n")
        assert (await client.answer())[0] == 421
        assert await client.rest() == b""
        client = await bench.client()
        await client.send(b"GET / HTTP/1.1\r\nHost: app.localhost\r\n\r\n")
        assert (await client.answer())[0] == 503
        await client.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert (await client.answer())[0] == 421
        assert await client.rest() == b""
    finally:
        await runner.cleanup()
    assert app.requests == []


@pytest.mark.req("PX-02")
@pytest.mark.req("PX-03")
@pytest.mark.parametrize(
    ("second", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", 200),
        (b"GET / HTTP/1.1\r\nHost: other.localhost\r\n\r\n", 421),
        (b"GET / HTTP/1.1\r\nHost: localhost@evil\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: localhost:http\r\n\r\n", 400),
        (b"GET http://app.localhost/ HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
        (b"GET ftp://localhost/ HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    ],
)
async def test_later_requests_are_read_as_strictly(
    bench: Bench, second: bytes, status: int
) -> None:
    runner = await hub_runner(bench)
    await bench.proxy(hub=runner.server, **HUB)
    try:
        client = await bench.client()
        await client.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert (await client.answer())[0] == 200
        await client.send(second)
        assert (await client.answer())[0] == status
    finally:
        await runner.cleanup()


async def test_the_first_request_is_checked_before_it_is_handed_over(bench: Bench) -> None:
    runner = await hub_runner(bench)
    proxy = await bench.proxy(hub=runner.server, **HUB)
    framing = b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n"
    bad = b"GET / HTTP/1.1\r\nHost: localhost\r\n" + framing + b"\r\n"
    assert status_of(await bench.ask(bad)) == 400
    assert proxy.metrics.handed_over == 0
    await runner.cleanup()
