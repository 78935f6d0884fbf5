"""Clients that stall, trickle or go: nobody else waits for them, and nothing stays behind."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from tests.gitserver.lfs.world import batch, download, href, left_behind, oid_of, serving, upload
from tests.hub.conftest import Hub
from tests.waiting import eventually

MIB = 1 << 20


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    with serving(tmp_path_factory.mktemp("slow") / "data", lfs={"idle": 1.5}) as hub:
        yield hub


def begin(hub: Hub, path: str, size: int, sent: bytes) -> socket.socket:
    sock = socket.create_connection(("127.0.0.1", hub.port), timeout=20)
    head = f"PUT {path} HTTP/1.1\r\nHost: localhost:{hub.port}\r\nContent-Length: {size}\r\n\r\n"
    sock.sendall(head.encode() + sent)
    return sock


@pytest.mark.req("LFS-20")
def test_stalled_uploads_hold_nobody_up(impatient: Hub) -> None:
    hub = impatient
    hub.space("sid/demo")
    token = hub.token("sid")
    size = 3 * MIB
    path = href(batch(hub, "sid/demo", token, "upload", ("c" * 64, size)), "upload")
    with ExitStack() as stack:
        stalled = [stack.enter_context(begin(hub, path, size, b"c" * 5000)) for _ in range(200)]
        eventually(lambda: len(left_behind(hub)) == 200)
        data = b"d" * size
        assert download(hub, "sid/demo", token, upload(hub, "sid/demo", token, data), size).body
        for sock in stalled:
            assert b" 408 " in sock.recv(65536).split(b"\r\n")[0]
    eventually(lambda: not left_behind(hub))


@pytest.mark.req("LFS-20")
def test_readers_that_stop_reading_hold_nobody_up(impatient: Hub) -> None:
    hub = impatient
    hub.space("sid/read")
    token = hub.token("sid")
    data = b"r" * (16 * MIB)
    oid = upload(hub, "sid/read", token, data)
    path = href(batch(hub, "sid/read", token, "download", (oid, len(data))), "download")
    request = f"GET {path} HTTP/1.1\r\nHost: localhost:{hub.port}\r\n\r\n".encode()
    with ExitStack() as stack:
        stopped = []
        for _ in range(50):
            sock = stack.enter_context(socket.create_connection(("127.0.0.1", hub.port)))
            sock.sendall(request)
            stopped.append(sock)
        assert download(hub, "sid/read", token, oid, len(data)).body == data

        eventually(lambda: not open_files(oid))
        for sock in stopped:
            sock.settimeout(20)
            assert received(sock) < len(data)


def open_files(oid: str) -> int:
    """How often this process has the object open."""
    found = 0
    for path in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            found += path.readlink().name == oid
    return found


def received(sock: socket.socket) -> int:
    """How much came before the server gave the connection up."""
    total = 0
    try:
        while piece := sock.recv(MIB):
            total += len(piece)
    except ConnectionError:
        pass
    return total


def test_a_trickle_is_taken(impatient: Hub) -> None:
    """Slow, but above the least rate: the last bytes arrive one by one."""
    hub = impatient
    hub.space("sid/trickle")
    token = hub.token("sid")
    data = b"t" * (3 * MIB)
    asked = batch(hub, "sid/trickle", token, "upload", (oid_of(data), len(data)))
    with begin(hub, href(asked, "upload"), len(data), data[:-20]) as sock:
        for byte in data[-20:]:
            sock.sendall(bytes([byte]))
        assert sock.recv(65536).startswith(b"HTTP/1.1 200")
