"""Slow, idle and greedy clients (OVL-01 to OVL-05, security.md section 4), with small limits."""

from __future__ import annotations

import asyncio

import pytest

from config.proxy import ProxySettings, Timeouts
from tests.runtime.proxy.apps import recording, scripted
from tests.runtime.proxy.conftest import Bench, status_of
from tests.waiting import aeventually

QUICK = Timeouts(
    sweep=0.02,
    idle=0.2,
    keep_alive=0.2,
    head=0.2,
    body=0.2,
    body_rate=1000,
    body_rate_after=0.3,
    first_byte=2.0,
    closing=0.2,
)
SETTINGS = ProxySettings(timeouts=QUICK)
POST = b"POST / HTTP/1.1\r\nHost: app.localhost\r\nContent-Length: 100000\r\n\r\n"
CHUNKED = b"POST / HTTP/1.1\r\nHost: app.localhost\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.req("OVL-03")
@pytest.mark.parametrize(
    ("beginning", "status"),
    [(b"", 0), (b"GET", 408), (b"GET / HTTP/1.1\r\nHost: app.localhost\r\nX: ", 408)],
)
async def test_a_head_has_to_arrive_in_time(bench: Bench, beginning: bytes, status: int) -> None:
    app = recording()
    proxy = await bench.serving(app, SETTINGS)
    assert status_of(await bench.ask(beginning)) == status
    await aeventually(lambda: not proxy.shared.visitors, 5)
    assert proxy.metrics.timeouts >= 1 and app.raw == []


async def trickle(bench: Bench, beginning: bytes, piece: bytes) -> bytes:
    """Send a piece every 50 ms until the proxy has had enough; returns what it said."""
    client = await bench.client()
    await client.send(beginning)
    answer = asyncio.create_task(client.rest())
    while not answer.done():
        try:
            await client.send(piece)
        except ConnectionError:
            break
        await asyncio.wait([answer], timeout=0.05)
    return await answer


@pytest.mark.req("OVL-03")
@pytest.mark.req("OVL-04")
@pytest.mark.parametrize(
    ("beginning", "piece"),
    [(b"GET / HTTP/1.1\r\n", b"X: y\r\n"), (POST, b"x"), (CHUNKED, b"1\r\nx\r\n")],
)
async def test_a_trickle_does_not_keep_a_connection(
    bench: Bench, beginning: bytes, piece: bytes
) -> None:
    proxy = await bench.serving(recording(), SETTINGS)
    assert status_of(await trickle(bench, beginning, piece)) == 408
    assert proxy.in_flight("replica-1") == 0


@pytest.mark.req("OVL-04")
@pytest.mark.parametrize("beginning", [POST + b"hello", CHUNKED + b"5\r\nhel"])
async def test_a_stalled_body_is_a_408(bench: Bench, beginning: bytes) -> None:
    app = recording()
    await bench.serving(app, SETTINGS)
    assert status_of(await bench.ask(beginning)) == 408
    await aeventually(lambda: app.open == 0, 5)


async def test_a_slow_app_is_not_blamed_on_the_client(bench: Bench) -> None:
    """An upload that stands still because the app does not read is a 504, not a 408."""
    settings = ProxySettings(timeouts=QUICK.model_copy(update={"first_byte": 0.6}))
    await bench.serving(scripted(then="hold"), settings)

    async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        await asyncio.Event().wait()

    bench.apps[0].handler = deaf
    client = await bench.client()
    size = 64 * 1024 * 1024
    client.writer.write(
        b"POST / HTTP/1.1\r\nHost: app.localhost\r\nContent-Length: %d\r\n\r\n" % size + bytes(size)
    )
    assert (await client.answer())[0] == 504


async def test_idle_connections_are_closed_quietly(bench: Bench) -> None:
    await bench.serving(recording(), SETTINGS)
    client = await bench.client()
    await client.send(b"GET / HTTP/1.1\r\nHost: app.localhost\r\n\r\n")
    assert (await client.answer())[0] == 200
    assert await client.rest() == b""


@pytest.mark.req("OVL-01")
async def test_connections_are_bounded_and_the_bound_recovers(bench: Bench) -> None:
    settings = ProxySettings(connections_per_address=5)
    proxy = await bench.serving(recording(), settings)
    clients = [await bench.client() for _ in range(5)]
    await aeventually(lambda: len(proxy.shared.visitors) == 5, 5)
    assert await bench.ask(b"GET / HTTP/1.1\r\nHost: app.localhost\r\n\r\n") == b""
    assert proxy.metrics.refused_connections == 1
    for client in clients:
        client.close()
    await aeventually(lambda: not proxy.shared.visitors, 5)
    assert status_of(await bench.get()) == 200
    assert proxy.shared.connections_open <= 1


async def test_a_body_beyond_the_ceiling_is_a_413(bench: Bench) -> None:
    app = recording()
    await bench.serving(app, ProxySettings(max_body=1000))
    declared = b"POST / HTTP/1.1\r\nHost: app.localhost\r\nContent-Length: 1001\r\n\r\n"
    assert status_of(await bench.ask(declared)) == 413 and app.raw == []
    chunks = b"64\r\n" + b"x" * 100 + b"\r\n"
    assert status_of(await bench.ask(CHUNKED + chunks * 11)) == 413
    fits = b"POST / HTTP/1.1\r\nHost: app.localhost\r\nContent-Length: 1000\r\n"
    assert status_of(await bench.ask(fits + b"Connection: close\r\n\r\n" + b"x" * 1000)) == 200


async def test_a_client_that_goes_is_noticed_by_the_app(bench: Bench) -> None:
    app = scripted(then="hold")
    proxy = await bench.serving(app)
    client = await bench.client()
    await client.send(b"GET / HTTP/1.1\r\nHost: app.localhost\r\n\r\n")
    await aeventually(lambda: proxy.in_flight("replica-1") == 1 and app.raw, 5)
    client.close()
    await aeventually(lambda: app.open == 0 and proxy.in_flight("replica-1") == 0, 5)
