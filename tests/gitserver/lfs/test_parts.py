"""An upload in parts, by raw requests: only the right ones make an object."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from tests.gitserver.lfs.world import JSON, batch, download, left_behind, local, oid_of, one, stored
from tests.hub.conftest import Hub
from tests.waiting import eventually

MIB = 1 << 20


def in_parts(hub: Hub, token: str, data: bytes) -> tuple[list[str], str]:
    """The addresses of the parts in git-lfs's order, and that of the completion."""
    asked = batch(
        hub, "tess/demo", token, "upload", (oid_of(data), len(data)), transfers=["multipart"]
    )
    assert asked.json()["transfer"] == "multipart"
    upload = one(asked)["actions"]["upload"]
    header = upload["header"]
    assert header.pop("chunk_size") == str(2 * MIB)
    assert sorted(header) == [f"{n:05}" for n in range(1, len(header) + 1)]
    return [local(header[name]) for name in sorted(header)], local(upload["href"])


@pytest.mark.req("LFS-13")
def test_parts(hub: Hub, token: str) -> None:
    data = b"".join(bytes([n]) * MIB for n in range(7))
    pieces = [data[at : at + 2 * MIB] for at in range(0, len(data), 2 * MIB)]
    paths, complete = in_parts(hub, token, data)
    assert len(paths) == 4

    def finish(*etags: tuple[Any, Any]) -> int:
        parts = [{"partNumber": number, "etag": etag} for number, etag in etags]
        body = {"oid": oid_of(data), "parts": parts}
        return hub.wire.ask("POST", complete, json_body=body, headers=JSON).status

    etags = []
    for path, piece in zip(paths[:3], pieces, strict=False):
        answer = hub.wire.ask("PUT", path, body=piece)
        assert answer.status == 200
        etags.append(answer.headers["ETag"])
    for sent in (pieces[0], pieces[3] + b"x", pieces[3][:-1]):
        assert hub.wire.ask("PUT", paths[3], body=sent).status == 422
    three = list(enumerate(etags, 1))
    assert finish(*three) == finish() == 422
    etags.append(hub.wire.ask("PUT", paths[3], body=pieces[3]).headers["ETag"])
    right = list(enumerate(etags, 1))
    swapped = [(1, etags[1]), (2, etags[0]), *right[2:]]
    for wrong in (three, swapped, [*right, right[0]], [*right, (5, "x")], [("1", etags[0])]):
        assert finish(*wrong) == 422
    assert not stored(hub, oid_of(data))
    assert finish(*right) == 200
    assert finish(*right) == 200  # the answer was lost, and the client asks again
    assert download(hub, "tess/demo", token, oid_of(data), len(data)).body == data
    assert not left_behind(hub)


@pytest.mark.req("LFS-13")
def test_parts_of_another_content(hub: Hub, token: str) -> None:
    data = b"p" * (5 * MIB)
    paths, complete = in_parts(hub, token, data)
    parts = []
    for number, path in enumerate(paths, 1):
        size = min(2 * MIB, 5 * MIB - (number - 1) * 2 * MIB)
        etag = hub.wire.ask("PUT", path, body=b"q" * size).headers["ETag"]
        parts.append({"partNumber": number, "etag": etag})
    body = {"oid": oid_of(data), "parts": parts}
    assert hub.wire.ask("POST", complete, json_body=body, headers=JSON).status == 422
    assert not stored(hub, oid_of(data)) and not left_behind(hub)
    other = paths[0].replace("/parts/1?", "/parts/2?")
    assert hub.wire.ask("PUT", other, body=b"").status == 403


@pytest.mark.req("LFS-13")
def test_parts_and_completion_at_the_same_time(hub: Hub, token: str) -> None:
    """No byte changes once it was checked: a part that is being sent keeps the rest waiting."""
    data = b"s" * (5 * MIB)
    paths, complete = in_parts(hub, token, data)
    etags = []
    for number, path in enumerate(paths):
        piece = data[number * 2 * MIB : (number + 1) * 2 * MIB]
        etags.append(hub.wire.ask("PUT", path, body=piece).headers["ETag"])
    parts = [{"partNumber": n, "etag": etag} for n, etag in enumerate(etags, 1)]
    body = {"oid": oid_of(data), "parts": parts}
    head = f"PUT {paths[0]} HTTP/1.1\r\nHost: localhost:{hub.port}\r\nContent-Length: {2 * MIB}\r\n"
    with socket.create_connection(("127.0.0.1", hub.port)) as sock:
        sock.sendall(f"{head}\r\n".encode() + b"evil" * 1000)
        folder = hub.context.large.staging.parts
        eventually(lambda: not list(folder.glob("*/00001.*")))
        asked = hub.wire.ask("POST", complete, json_body=body, headers=JSON)
        assert asked.status in (409, 422) and not stored(hub, oid_of(data))
    etag = eventually(lambda: sent_again(hub, paths[0], data[: 2 * MIB]))
    assert etag == etags[0]
    assert hub.wire.ask("POST", complete, json_body=body, headers=JSON).status == 200
    assert download(hub, "tess/demo", token, oid_of(data), len(data)).body == data
    assert hub.wire.ask("PUT", paths[0], body=b"e" * 2 * MIB).status == 200  # of no account
    assert download(hub, "tess/demo", token, oid_of(data), len(data)).body == data
    assert hub.context.large.staging.sweep(-1) == 1 and not left_behind(hub)


def sent_again(hub: Hub, path: str, data: bytes) -> str | None:
    return hub.wire.ask("PUT", path, body=data).headers["ETag"]
