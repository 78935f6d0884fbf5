"""Streams, WebSockets and large bodies: live, with back pressure, in flat memory."""

from __future__ import annotations

import asyncio
import hashlib
import os
from pathlib import Path

import pytest
import websockets
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve

from config.proxy import ProxySettings, Timeouts
from runtime.proxy.routes import Replicas, Upstream
from tests.runtime.proxy.apps import App, recording, scripted
from tests.runtime.proxy.conftest import Bench, field_of, route, status_of
from tests.waiting import aeventually

MIB = 1024 * 1024
OK = b"HTTP/1.1 200 OK\r\n"
GET = b"GET / HTTP/1.1\r\nHost: app.localhost\r\n\r\n"
KEY = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
UPGRADE = (
    b"GET /ws HTTP/1.1\r\nHost: app.localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\n" + KEY + b"\r\n"
)
ACCEPT = b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"  # RFC 6455 1.3
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"


def resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.parametrize("framing", ["chunked", "until close"])
async def test_an_event_stream_is_live(bench: Bench, framing: str) -> None:
    """The app sends its second event only after the client has read the first one."""
    read = asyncio.Event()

    async def events(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        chunked = framing == "chunked"
        coding = b"Transfer-Encoding: chunked\r\n" if chunked else b""
        writer.write(OK + b"Content-Type: text/event-stream\r\n" + coding + b"\r\n")
        writer.write(b"9\r\ndata: 1\n\n\r\n" if chunked else b"data: 1\n\n")
        await writer.drain()
        await read.wait()
        writer.write(b"9\r\ndata: 2\n\n\r\n0\r\n\r\n" if chunked else b"data: 2\n\n")
        await writer.drain()

    proxy = await bench.serving(App(events))
    client = await bench.client()
    await client.send(GET)
    head = await client.head()
    assert field_of(head, "Transfer-Encoding") == ["chunked"]
    assert await client.reader.readexactly(14) == b"9\r\ndata: 1\n\n\r\n"
    assert proxy.open_connections(route("app").space_key) == 1
    read.set()
    assert await client.reader.readexactly(19) == b"9\r\ndata: 2\n\n\r\n0\r\n\r\n"
    await client.send(GET)  # the connection can be used again
    assert status_of(await client.head()) == 200
    client.close()
    await aeventually(lambda: proxy.open_connections(route("app").space_key) == 0, 5)
    assert proxy.last_used(route("app").space_key) > 0


async def echo(socket: ServerConnection) -> None:
    async for message in socket:
        await socket.send(message)


async def websocket_app(bench: Bench, **options: object) -> tuple[object, Upstream]:
    server = await serve(echo, "127.0.0.1", 0, max_size=4 * MIB, **options)  # type: ignore[arg-type]
    helper = App(lambda reader, writer: asyncio.sleep(0))
    helper.port = server.sockets[0].getsockname()[1]
    return server, helper.upstream()


async def test_websockets_go_both_ways(bench: Bench) -> None:
    server, upstream = await websocket_app(bench)
    proxy = await bench.proxy(route("app", Replicas((upstream,))))
    url = f"ws://app.localhost:{bench.port}/ws?x=1"
    async with connect(url, host="127.0.0.1", max_size=4 * MIB) as socket:
        for message in ("text", b"bytes", "ü" * 10_000, os.urandom(3 * MIB), ""):
            await socket.send(message)
            assert await socket.recv() == message
        await asyncio.wait_for(await socket.ping(), 5)
        assert socket.protocol.extensions, "per-message compression is the app's and the browser's"
        assert proxy.in_flight("replica-1") == 1
        await socket.close(4321, "done")
    assert socket.close_code == 4321
    await aeventually(lambda: proxy.in_flight("replica-1") == 0, 5)
    assert proxy.metrics.websockets == 1 and not proxy.shared.tunnels
    server.close()  # type: ignore[attr-defined]


@pytest.mark.req("PX-16")
async def test_when_one_end_goes_the_other_is_closed(bench: Bench) -> None:
    server, upstream = await websocket_app(bench)
    proxy = await bench.proxy(route("app", Replicas((upstream,))))
    url = f"ws://app.localhost:{bench.port}/"
    socket = await connect(url, host="127.0.0.1")
    socket.transport.abort()
    await aeventually(lambda: proxy.in_flight("replica-1") == 0, 5)
    socket = await connect(url, host="127.0.0.1")
    server.close()  # type: ignore[attr-defined]
    with pytest.raises(websockets.ConnectionClosed) as closed:
        await asyncio.wait_for(socket.recv(), 5)
    assert closed.value.rcvd is not None and closed.value.rcvd.code == 1001
    await aeventually(lambda: proxy.in_flight("replica-1") == 0, 5)


async def test_a_silent_websocket_ends_and_a_cut_one_at_once(bench: Bench) -> None:
    settings = ProxySettings(timeouts=Timeouts(sweep=0.02, websocket=0.2))
    server, upstream = await websocket_app(bench)
    proxy = await bench.proxy(route("app", Replicas((upstream,))), settings=settings)
    url = f"ws://app.localhost:{bench.port}/"
    socket = await connect(url, host="127.0.0.1", ping_interval=None)
    with pytest.raises(websockets.ConnectionClosed):
        await asyncio.wait_for(socket.recv(), 5)
    socket = await connect(url, host="127.0.0.1")
    assert proxy.cut("replica-1", websockets_only=True) == 1
    with pytest.raises(websockets.ConnectionClosed):
        await asyncio.wait_for(socket.recv(), 5)
    await aeventually(lambda: proxy.in_flight("replica-1") == 0, 5)
    server.close()  # type: ignore[attr-defined]


@pytest.mark.req("PX-14")
@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (SWITCH + b"\r\n", 502),
        (SWITCH + b"Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n", 502),
        (SWITCH.replace(b"Upgrade: websocket", b"Upgrade: h2c") + ACCEPT + b"\r\n", 502),
        (OK + ACCEPT + b"Content-Length: 2\r\n\r\nno", 200),
        (b"HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno", 403),
    ],
)
async def test_without_the_apps_consent_there_is_no_tunnel(
    bench: Bench, answer: bytes, status: int
) -> None:
    app = scripted(answer, then="again")
    proxy = await bench.serving(app)
    client = await bench.client()
    await client.send(UPGRADE)
    assert (await client.answer())[0] == status
    await client.send(GET)  # still by the proxy's rules
    await client.answer()
    assert b"X-Forwarded-For: 127.0.0.1" in app.raw[1] and not proxy.shared.tunnels


@pytest.mark.req("PX-14")
async def test_bytes_right_behind_the_heads_are_not_lost(bench: Bench) -> None:
    async def eager(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(SWITCH + ACCEPT + b"\r\nfrom the app")
        app.raw.append(await reader.readexactly(11))
        await writer.drain()

    app = App(eager)
    await bench.serving(app)
    client = await bench.client()
    await client.send(UPGRADE + b"from client")
    head = await client.head()
    assert status_of(head) == 101 and len(field_of(head, "X-Request-Id")) == 1
    assert await client.reader.readexactly(12) == b"from the app"
    assert await client.rest() == b"" and app.raw == [b"from client"]


async def test_a_websocket_to_a_space_without_an_app_is_refused(bench: Bench) -> None:
    await bench.proxy(route("app"))
    with pytest.raises(websockets.InvalidStatus) as refused:
        await connect(f"ws://app.localhost:{bench.port}/", host="127.0.0.1")
    assert refused.value.response.status_code == 503


def sink() -> App:
    """Takes an upload and answers with its length and hash."""

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        size = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
        digest, left = hashlib.blake2b(), size
        while left:
            data = await reader.read(min(left, MIB))
            digest.update(data)
            left -= len(data)
        answer = b"%d %b" % (size, digest.hexdigest().encode())
        writer.write(OK + b"Content-Length: %d\r\n\r\n%b" % (len(answer), answer))
        await writer.drain()

    return App(take)


def source(size: int, *, chunked: bool = False) -> App:
    """Sends `size` bytes, the same MiB again and again, to each request."""
    piece = hashlib.blake2b(b"x").digest() * (MIB // 64)

    async def give(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await reader.readuntil(b"\r\n\r\n")
            framing = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: %d" % size
            writer.write(OK + framing + b"\r\n\r\n")
            for _ in range(size // MIB):
                writer.write(b"%x\r\n%b\r\n" % (MIB, piece) if chunked else piece)
                await writer.drain()
            if chunked:
                writer.write(b"0\r\n\r\n")

    app = App(give)
    app.raw.append(piece)
    return app


@pytest.mark.req("PX-22")
async def test_an_upload_of_100_mib_in_flat_memory(bench: Bench) -> None:
    await bench.serving(sink())
    piece, size = os.urandom(MIB), 100 * MIB
    client = await bench.client()
    await client.send(
        b"POST / HTTP/1.1\r\nHost: app.localhost\r\nContent-Length: %d\r\n\r\n" % size
    )
    before, digest = resident(), hashlib.blake2b()
    for _ in range(100):
        digest.update(piece)
        await client.send(piece)
    _, _, body = await client.answer()
    assert body == b"%d %b" % (size, digest.hexdigest().encode())
    assert resident() - before < 32 * MIB


@pytest.mark.req("PX-22")
@pytest.mark.parametrize("kind", ["spliced", "relayed", "chunked"])
async def test_a_download_of_128_mib_to_a_slow_reader_in_flat_memory(
    bench: Bench, kind: str
) -> None:
    size = 128 * MIB
    app = source(size, chunked=kind == "chunked")
    await bench.serving(app, ProxySettings(splice_from=1024 if kind == "spliced" else 0))
    client = await bench.client()
    await client.send(GET)
    await client.head()
    before, got, most = resident(), 0, 0
    expected = size if kind != "chunked" else size + 128 * (len(b"%x" % MIB) + 4) + 5
    # The proxy may cut chunks anew, so only what is certain is counted: the payload.
    while got < (size if kind == "chunked" else expected):
        data = await client.reader.read(256 * 1024)
        assert data
        got += len(data)
        most = max(most, resident() - before)
        if got % (16 * MIB) < 256 * 1024:
            await asyncio.sleep(0.005)  # a pause of the reader, not a wait for anything
    assert most < 32 * MIB


async def test_a_spliced_body_is_the_same_body(bench: Bench) -> None:
    app = source(8 * MIB)
    await bench.serving(app, ProxySettings(splice_from=1))
    client = await bench.client()
    for _ in range(3):  # on the same connections: pooling and splicing do not disturb each other
        await client.send(GET)
        await client.head()
        assert await client.reader.readexactly(8 * MIB) == app.raw[0] * 8
    assert app.connections == 1


@pytest.mark.parametrize("splice_from", [0, 1024])
async def test_a_pooled_connection_is_never_left_paused(bench: Bench, splice_from: int) -> None:
    """Several slow readers of large bodies, again and again: a connection that went back to the
    pool while it was not read would hang its next user."""
    app = source(3 * MIB)
    await bench.serving(app, ProxySettings(splice_from=splice_from))

    async def slow_reader() -> None:
        client = await bench.client()
        for _ in range(8):
            await client.send(GET)
            await client.head()
            left = 3 * MIB
            while left:
                left -= len(await asyncio.wait_for(client.reader.read(min(left, 65536)), 10))
                await asyncio.sleep(0)

    await asyncio.gather(*(slow_reader() for _ in range(6)))
    assert app.connections <= 12


async def test_a_client_that_leaves_a_spliced_download_frees_everything(bench: Bench) -> None:
    app = source(64 * MIB)
    proxy = await bench.serving(app, ProxySettings(splice_from=1024))
    descriptors = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(5):
        client = await bench.client()
        await client.send(GET)
        await client.head()
        await client.reader.readexactly(MIB)
        client.close()
    await aeventually(lambda: proxy.in_flight("replica-1") == 0 and app.open == 0, 10)
    await aeventually(lambda: len(list(Path("/proc/self/fd").iterdir())) <= descriptors + 2, 10)


@pytest.mark.req("OVL-05")
async def test_idle_websockets_are_cheap(bench: Bench) -> None:
    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(SWITCH + ACCEPT + b"\r\n")
        await reader.read()

    app = App(hold)
    proxy = await bench.serving(app)
    before = resident()
    clients = [await bench.client() for _ in range(300)]
    for client in clients:
        await client.send(UPGRADE)
        assert status_of(await client.head()) == 101
    # All three parties live in this process, so this is an upper bound for the proxy's share.
    assert (resident() - before) / 300 < 96 * 1024
    assert proxy.in_flight("replica-1") == 300
    await proxy.close()
    await aeventually(lambda: app.open == 0, 5)


@pytest.mark.req("RUN-12")
async def test_a_websocket_is_use_while_it_has_traffic(bench: Bench) -> None:
    server, upstream = await websocket_app(bench, ping_interval=None)
    settings = ProxySettings(timeouts=Timeouts(sweep=0.05))
    proxy = await bench.proxy(route("app", Replicas((upstream,))), settings=settings)
    key = route("app").space_key
    url = f"ws://app.localhost:{bench.port}/ws"
    async with connect(url, host="127.0.0.1", ping_interval=None) as socket:
        for _ in range(2):
            before = proxy.last_used(key)
            await socket.send("hello")
            assert await socket.recv() == "hello"
            await aeventually(lambda before=before: proxy.last_used(key) > before, 5)
            await asyncio.sleep(0.15)  # the sweep that saw the traffic is over
            silent = proxy.last_used(key)
            await asyncio.sleep(0.2)  # nothing is to happen
            assert proxy.last_used(key) == silent
        assert proxy.open_connections(key) == 0
        assert proxy.in_flight("replica-1") == 1  # nobody holds the app behind it
    server.close()  # type: ignore[attr-defined]


async def test_plain_requests_share_few_connections(bench: Bench) -> None:
    app = recording()
    await bench.serving(app)
    client = await bench.client()
    for _ in range(50):
        await client.send(GET)
        assert (await client.answer())[2] == b"seen"
    assert app.connections == 1
