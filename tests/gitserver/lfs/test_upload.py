"""PUT and verify by raw requests: only the right bytes, whole or not at all."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from tests.gitserver.lfs.world import (
    JSON,
    batch,
    download,
    href,
    key_of,
    left_behind,
    oid_of,
    stored,
)
from tests.hub.conftest import Hub
from tests.waiting import eventually

MIB = 1 << 20


@pytest.mark.req("LFS-02")
@pytest.mark.parametrize("size", [10, 3 * MIB])
def test_other_bytes_are_refused_and_not_kept(hub: Hub, token: str, size: int) -> None:
    data = bytes([size % 251]) * size
    oid = oid_of(data)
    path = href(batch(hub, "tess/demo", token, "upload", (oid, size)), "upload")
    wrong = data[:-1] + b"!"
    chunked = iter([data, b"more"])
    for sent in (wrong, data[:-1], data + b"!", b"", chunked, iter([data[:-1]])):
        answer = hub.wire.ask("PUT", path, body=sent)  # type: ignore[arg-type]
        assert answer.status == 422 and answer.json()["message"]
        assert not stored(hub, oid) and not left_behind(hub)
    assert hub.wire.ask("PUT", path, body=iter([data[:5], data[5:]])).status == 200  # type: ignore[arg-type]
    assert download(hub, "tess/demo", token, oid, size).body == data


@pytest.mark.req("LFS-02")
@pytest.mark.parametrize("size", [100, 3 * MIB])
def test_half_an_upload_is_never_visible(hub: Hub, token: str, size: int) -> None:
    data = b"h" * size
    oid = oid_of(data)
    path = href(batch(hub, "tess/demo", token, "upload", (oid, size)), "upload")
    with socket.create_connection(("127.0.0.1", hub.port)) as sock:
        head = (
            f"PUT {path} HTTP/1.1\r\nHost: localhost:{hub.port}\r\nContent-Length: {size}\r\n\r\n"
        )
        sock.sendall(head.encode() + data[: size // 2])
        eventually(lambda: size < MIB or left_behind(hub))
        assert not stored(hub, oid)
    eventually(lambda: not left_behind(hub))
    assert not stored(hub, oid)
    assert hub.context.large.held(key_of(hub, "demo"), [oid]) == {}


@pytest.mark.req("LFS-03")
def test_an_object_is_never_replaced(hub: Hub, token: str) -> None:
    data = b"first and only"
    oid = oid_of(data)
    path = href(batch(hub, "tess/demo", token, "upload", (oid, len(data))), "upload")
    assert hub.wire.ask("PUT", path, body=data).status == 200
    assert hub.wire.ask("PUT", path, body=b"another text!!").status == 422
    assert hub.wire.ask("PUT", path, body=data).status == 200
    assert download(hub, "tess/demo", token, oid, len(data)).body == data


@pytest.mark.req("LFS-06")
def test_ids_in_paths(hub: Hub, token: str) -> None:
    base = "/spaces/tess/demo.git/info/lfs/objects/"
    for bad in ("%2e%2e", "a" * 63, "A" * 64, "a" * 65, "%2fetc%2fpasswd", "a" * 63 + "%00"):
        for method, path in (("GET", bad), ("PUT", bad), ("POST", f"{bad}/verify")):
            assert hub.wire.ask(method, base + path, token=token, body=b"").status == 422


@pytest.mark.req("LFS-19")
def test_verify(hub: Hub, token: str) -> None:
    data = b"to be verified"
    oid, size = oid_of(data), len(data)
    asked = batch(hub, "tess/demo", token, "upload", (oid, size))
    verify, put = href(asked, "verify"), href(asked, "upload")

    def status(oid: str = oid, size: Any = size, kind: str = "application/json") -> int:
        body = {"oid": oid, "size": size}
        return hub.wire.ask("POST", verify, json_body=body, headers={"Content-Type": kind}).status

    assert status() == 404
    assert hub.wire.ask("PUT", put, body=data).status == 200
    assert status() == status(kind=JSON["Content-Type"]) == 200
    assert status(size=size + 1) == status(size="14") == status(oid="a" * 64) == 422
    by_login = verify.partition("?")[0]
    body = {"oid": oid, "size": size}
    for shown, expected in ((token, 200), ("", 401), (hub.token("tess", "read"), 403)):
        assert hub.wire.ask("POST", by_login, token=shown, json_body=body).status == expected


def test_expect_is_answered_after_the_check(hub: Hub, token: str) -> None:
    data = b"expected"
    path = href(batch(hub, "tess/demo", token, "upload", (oid_of(data), len(data))), "upload")
    for target, first in ((path, b"100 Continue"), (path + "x", b"403 Forbidden")):
        with socket.create_connection(("127.0.0.1", hub.port), timeout=10) as sock:
            head = (
                f"PUT {target} HTTP/1.1\r\nHost: localhost:{hub.port}\r\nExpect: 100-continue\r\n"
            )
            sock.sendall(f"{head}Content-Length: {len(data)}\r\n\r\n".encode())
            assert first in sock.recv(65536).split(b"\r\n")[0]
            if target == path:
                sock.sendall(data)
                assert b"200 OK" in sock.recv(65536)


def test_a_connection_ends_with_a_large_upload(hub: Hub, token: str) -> None:
    """Whether it went well or not: nobody could say where the next request begins."""
    data = b"e" * (3 * MIB)
    asked = batch(hub, "tess/demo", token, "upload", (oid_of(data), len(data)))
    head = f"HTTP/1.1\r\nHost: localhost:{hub.port}\r\nContent-Length: {len(data)}\r\n\r\n"
    for sent, status in ((b"f" * len(data), b"422"), (data, b"200")):
        with socket.create_connection(("127.0.0.1", hub.port), timeout=10) as sock:
            sock.sendall(f"PUT {href(asked, 'upload')} {head}".encode() + sent)
            said = b"".join(iter(lambda: sock.recv(65536), b""))
        assert said.split(b" ")[1] == status and b"Connection: close" in said


def test_a_connection_serves_on_after_a_small_upload(hub: Hub, token: str) -> None:
    data = b"kept alive"
    asked = batch(hub, "tess/demo", token, "upload", (oid_of(data), len(data)))
    head = f"HTTP/1.1\r\nHost: localhost:{hub.port}\r\n"
    put = f"PUT {href(asked, 'upload')} {head}Content-Length: {len(data)}\r\n\r\n".encode() + data
    with socket.create_connection(("127.0.0.1", hub.port), timeout=10) as sock:
        for _ in range(2):
            sock.sendall(put)
            assert sock.recv(65536).startswith(b"HTTP/1.1 200")
