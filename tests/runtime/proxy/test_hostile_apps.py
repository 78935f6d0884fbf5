"""The app is a hostile server (PX-12, PX-13, PX-25, PX-26)."""

from __future__ import annotations

import asyncio
import socket

import pytest

from config.proxy import ProxySettings, Timeouts
from runtime.proxy.routes import Replicas, Upstream
from tests.runtime.proxy.apps import App, recording, scripted
from tests.runtime.proxy.conftest import Bench, body_of, field_of, route, status_of
from tests.waiting import aeventually

QUICK = ProxySettings(
    timeouts=Timeouts(sweep=0.02, first_byte=0.3, stream=0.3, connect=0.3, closing=0.3)
)
OK = b"HTTP/1.1 200 OK\r\n"
BAD_HEADS = [
    b"garbage\r\n\r\n",
    b"HTTP/1.1 42 Odd\r\n\r\n",
    b"HTTP/1.1 999 Odd\r\n\r\n",
    b"HTTP/1.1 0200 OK\r\n\r\n",
    b"HTTP/1.1 2e2 OK\r\n\r\n",
    b"HTTP/1.1  200 OK\r\n\r\n",
    b"HTTP/2 200\r\n\r\n",
    b"HTTP/0.9 200 OK\r\n\r\n",
    b"ICY 200 OK\r\n\r\n",
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nraw",
    OK + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    OK + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
    OK + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    OK + b"Content-Length: -5\r\n\r\nhello",
    OK + b"Content-Length: 5, 5\r\n\r\nhello",
    OK + b"Content-Length: 0x5\r\n\r\nhello",
    OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    OK + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    OK + b"X: a\r\n folded\r\n\r\n",
    OK + b"X: a\0b\r\n\r\n",
    OK + b"X: a\rb\r\n\r\n",
    OK + b"X: a\nSet-Cookie: b\r\n\r\n",
    OK + b"X y: z\r\n\r\n",
    OK + b": z\r\n\r\n",
    OK + b"nothing\r\n\r\n",
    OK + b"X: y\r\n" * 300 + b"\r\n",
    OK + b"X: " + b"y" * 70_000 + b"\r\n\r\n",
    b"HTTP/1.1 103 Early Hints\r\n\r\n" * 40 + OK + b"Content-Length: 0\r\n\r\n",
    b"",
]


@pytest.mark.req("PX-12")
@pytest.mark.req("PX-13")
@pytest.mark.parametrize("answer", BAD_HEADS, ids=lambda answer: repr(answer[:50]))
async def test_a_bad_head_is_a_502_that_tells_nothing(bench: Bench, answer: bytes) -> None:
    app = scripted(answer)
    proxy = await bench.serving(app, QUICK)
    got = await bench.ask(b"GET / HTTP/1.1\r\nHost: app.localhost\r\nConnection: close\r\n\r\n")
    final = got[got.rindex(b"HTTP/1.1 ") :]
    assert status_of(final) == 502
    assert b"127.0.0.1" not in got and str(app.port).encode() not in got and b"replica" not in got
    assert len(app.raw) == 1, "at most once"
    assert proxy.in_flight("replica-1") == 0 and proxy.metrics.app_failures == 1


@pytest.mark.req("PX-13")
@pytest.mark.parametrize(
    ("parts", "then", "status"),
    [
        ((), "hold", 504),
        ((b"HTTP/1.1 200",), "hold", 504),
        ((*(b"HTTP/1.1 200 OK\r\nX: y"[n : n + 1] for n in range(21)), 5.0), "hold", 504),
        ((b"HTTP/1.1 100 Continue\r\n\r\n",), "hold", 504),
    ],
)
async def test_an_app_that_does_not_answer_is_a_504(
    bench: Bench, parts: tuple[bytes | float, ...], then: str, status: int
) -> None:
    await bench.serving(scripted(*parts, then=then), QUICK)
    got = await bench.ask(b"GET / HTTP/1.1\r\nHost: app.localhost\r\nConnection: close\r\n\r\n")
    assert status_of(got) == status


CUT = [
    ("short length", OK + b"Content-Length: 10\r\n\r\nhello", "close"),
    ("reset", OK + b"Content-Length: 10\r\n\r\nhello", "reset"),
    ("stalled", OK + b"Content-Length: 10\r\n\r\nhello", "hold"),
    ("unfinished chunks", OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", "close"),
    ("bad chunks", OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n", "hold"),
    ("endless stream stalls", OK + b"\r\nhello", "hold"),
]


@pytest.mark.req("PX-13")
@pytest.mark.parametrize(("name", "answer", "then"), CUT, ids=lambda value: str(value)[:20])
async def test_a_cut_body_never_looks_complete(
    bench: Bench, name: str, answer: bytes, then: str
) -> None:
    proxy = await bench.serving(scripted(answer, then=then), QUICK)
    client = await bench.client()
    await client.send(b"GET / HTTP/1.1\r\nHost: app.localhost\r\n\r\n")
    head = await client.head()
    rest = await client.rest()
    if field_of(head, "Content-Length"):
        assert len(rest) < 10
    else:
        assert not rest.endswith(b"0\r\n\r\n")
    assert proxy.in_flight("replica-1") == 0
    assert proxy.shared.pools.of(bench.apps[0].upstream()).idle == []


@pytest.mark.req("PX-13")
async def test_a_cut_until_close_body_ends_an_old_client_with_a_reset(bench: Bench) -> None:
    app = scripted(OK + b"\r\nhello", then="reset")
    await bench.serving(app, QUICK)
    client = await bench.client()
    await client.send(b"GET / HTTP/1.0\r\nHost: app.localhost\r\n\r\n")
    with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
        await client.reader.readexactly(10_000)


@pytest.mark.req("PX-13")
@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (
            OK + b"Content-Length: 5\r\n\r\nhelloHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
            b"hello",
        ),
        (
            OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nHTTP/1.1 200 evil\r\n\r\n",
            b"0\r\n\r\n",
        ),
        (b"HTTP/1.1 204 No Content\r\n\r\nevil", b""),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 4\r\n\r\nevil", b""),
        (OK + b"Connection: close\r\nContent-Length: 5\r\n\r\nhello", b"hello"),
    ],
    ids=lambda value: repr(value[:30]),
)
async def test_extra_bytes_reach_nobody_and_spoil_the_connection(
    bench: Bench, answer: bytes, body: bytes
) -> None:
    app = scripted(answer, then="hold")
    proxy = await bench.serving(app, QUICK)
    for _ in range(2):
        got = await bench.get()
        assert body_of(got) == body and b"evil" not in got
    assert app.connections == 2
    assert proxy.shared.pools.of(app.upstream()).idle == []


async def test_an_app_that_speaks_unasked_loses_its_connection(bench: Bench) -> None:
    app = scripted(OK + b"Content-Length: 2\r\n\r\nok", 0.05, OK + b"evil\r\n", then="hold")
    proxy = await bench.serving(app)
    assert body_of(await bench.get()) == b"ok"
    pool = proxy.shared.pools.of(app.upstream())
    await aeventually(lambda: not pool.idle, 5)
    assert body_of(await bench.get()) == b"ok"


@pytest.mark.req("PX-26")
async def test_a_request_is_never_sent_twice(bench: Bench) -> None:
    async def dies(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        app.raw.append(await reader.readuntil(b"\r\n\r\n"))
        app.raw.append(await reader.readexactly(5))
        writer.transport.abort()

    app = App(dies)
    await bench.serving(app)
    post = b"POST / HTTP/1.1\r\nHost: app.localhost\r\nContent-Length: 5\r\n\r\nhello"
    client = await bench.client()
    await client.send(post)
    assert (await client.answer())[0] == 502
    assert app.connections == 1


@pytest.mark.req("PX-26")
async def test_nothing_listens(bench: Bench) -> None:
    app = await bench.app(recording())
    upstream = app.upstream()
    await app.stop()
    proxy = await bench.proxy(route("app", Replicas((upstream,))))
    got = await bench.get()
    assert status_of(got) == 502 and proxy.in_flight("replica-1") == 0


@pytest.mark.req("PX-13")
async def test_connecting_takes_too_long(bench: Bench) -> None:
    app = await bench.app(recording())

    async def never() -> None:
        await asyncio.Event().wait()

    upstream = app.upstream()
    slow = type(upstream)("replica-1", never, 7860)  # type: ignore[arg-type]
    settings = ProxySettings(timeouts=Timeouts(sweep=0.02, connect=0.1))
    await bench.proxy(route("app", Replicas((slow,))), settings=settings)
    assert status_of(await bench.get()) == 502


@pytest.mark.req("PX-25")
async def test_interim_answers_pass_and_expectations_are_met(bench: Bench) -> None:
    async def patient(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nConnection: x\r\n\r\n")
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = await reader.readexactly(5)
        writer.write(OK + b"Content-Length: 5\r\n\r\n" + body)
        await writer.drain()

    await bench.serving(App(patient))
    client = await bench.client()
    await client.send(
        b"POST / HTTP/1.1\r\nHost: app.localhost\r\nContent-Length: 5\r\n"
        b"Expect: 100-continue\r\n\r\n"
    )
    assert await client.head() == b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    assert await client.head() == b"HTTP/1.1 100 Continue\r\n\r\n"
    await client.send(b"hello")
    status, _, body = await client.answer()
    assert (status, body) == (200, b"hello")


@pytest.mark.req("PX-25")
async def test_an_early_answer_is_passed_and_the_upload_stopped(bench: Bench) -> None:
    app = scripted(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno", then="hold")
    proxy = await bench.serving(app, QUICK)
    client = await bench.client()
    await client.send(
        b"POST / HTTP/1.1\r\nHost: app.localhost\r\nContent-Length: 9999999\r\n\r\nhello"
    )
    status, head, body = await client.answer()
    assert (status, body) == (413, b"no") and field_of(head, "Connection") == ["close"]
    assert await client.rest() == b""
    await aeventually(lambda: proxy.in_flight("replica-1") == 0, 5)


@pytest.mark.req("PX-21")
async def test_a_full_app_says_so_and_others_go_on(bench: Bench) -> None:
    stuck = await bench.app(scripted(then="hold"))
    fine = await bench.app(recording())
    settings = ProxySettings(requests_per_space=3)
    proxy = await bench.proxy(
        route("app", Replicas((stuck.upstream("stuck"),))),
        route("fine", Replicas((fine.upstream("fine"),))),
        settings=settings,
    )
    for _ in range(3):
        await (await bench.client()).send(b"GET / HTTP/1.1\r\nHost: app.localhost\r\n\r\n")
    await aeventually(lambda: proxy.in_flight("stuck") == 3, 5)
    full = await bench.get()
    assert status_of(full) == 503 and field_of(full, "Retry-After") == ["1"]
    assert status_of(await bench.get(host="fine.localhost")) == 200


@pytest.mark.req("PX-13")
async def test_a_connection_that_comes_too_late_serves_nobody_else(bench: Bench) -> None:
    app = await bench.app(recording())
    gate = asyncio.Event()

    async def late() -> socket.socket:
        await gate.wait()
        return await app.connect()

    slow = Upstream("slow", late, 7860)
    settings = ProxySettings(timeouts=Timeouts(sweep=0.02, first_byte=0.1, connect=5))
    proxy = await bench.proxy(route("app", Replicas((slow,))), settings=settings)
    client = await bench.client()
    await client.send(b"GET /first HTTP/1.1\r\nHost: app.localhost\r\n\r\n")
    assert (await client.answer())[0] == 504
    await client.send(b"GET /second HTTP/1.1\r\nHost: app.localhost\r\n\r\n")
    gate.set()
    assert (await client.answer())[0] == 200
    assert [seen.target for seen in app.requests] == ["/second"]
    assert proxy.in_flight("slow") == 0
