"""PUT, GET, verify and parts by raw requests: only the right bytes, only to the right people."""

from __future__ import annotations

import base64
import json
import socket
from datetime import timedelta
from typing import Any

import pytest

from gitserver.lfs.passes import Pass, Passes, Purpose
from spaceport.ledger import accounts, spaces, tokens
from spaceport.ledger.columns import now
from spaceport.ledger.spaces import Visibility
from tests.gitserver.lfs.world import (
    JSON,
    batch,
    download,
    href,
    left_behind,
    local,
    oid_of,
    one,
    upload,
)
from tests.hub.conftest import Hub
from tests.waiting import eventually

MIB = 1 << 20


@pytest.fixture(scope="module")
def token(hub: Hub) -> str:
    hub.space("tess/demo")
    hub.space("tess/other")
    hub.space("tess/private", visibility="private")
    return hub.token("tess")


def stored(hub: Hub, oid: str) -> bool:
    return hub.context.large.store.size(oid) is not None


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


def key_of(hub: Hub, name: str) -> str:
    with hub.context.ledger.read() as tx:
        found = spaces.search(tx, author="tess", text=f"tess/{name}")
    return found[0].key


@pytest.mark.req("LFS-04")
def test_knowing_a_hash_opens_nothing(hub: Hub, token: str) -> None:
    data = b"only those who have the bytes"
    oid, size = upload(hub, "tess/private", token, data), len(data)
    thief = hub.token("thora")
    hub.space("thora/loot")
    base = "/spaces/thora/loot"
    assert one(batch(hub, "thora/loot", thief, "download", (oid, size)))["error"]["code"] == 404
    asked = one(batch(hub, "thora/loot", thief, "upload", (oid, size)))
    verify = local(asked["actions"]["verify"]["href"])
    body = {"oid": oid, "size": size}
    assert hub.wire.ask("POST", verify, json_body=body, headers=JSON).status == 404
    lines = [
        {"key": "header", "value": {"summary": "Mine now"}},
        {"key": "lfsFile", "value": {"path": "x", "algo": "sha256", "oid": oid, "size": size}},
    ]
    commit = hub.wire.ask(
        "POST",
        f"/api{base}/commit/main",
        token=thief,
        body="\n".join(map(json.dumps, lines)).encode(),
        headers={"Content-Type": "application/x-ndjson"},
    )
    assert commit.status == 422 and oid in commit.error
    # An upload that is not made gives nothing; with the bytes it is theirs as well.
    assert one(batch(hub, "thora/loot", thief, "download", (oid, size)))["error"]["code"] == 404
    assert upload(hub, "thora/loot", thief, data) == oid
    assert download(hub, "thora/loot", thief, oid, size).body == data


@pytest.mark.req("LFS-06")
def test_ids_in_paths(hub: Hub, token: str) -> None:
    base = "/spaces/tess/demo.git/info/lfs/objects/"
    for bad in ("%2e%2e", "a" * 63, "A" * 64, "a" * 65, "%2fetc%2fpasswd", "a" * 63 + "%00"):
        for method, path in (("GET", bad), ("PUT", bad), ("POST", f"{bad}/verify")):
            assert hub.wire.ask(method, base + path, token=token, body=b"").status == 422


@pytest.mark.req("LFS-09")
def test_every_field_of_a_pass_counts(hub: Hub, token: str) -> None:
    data = b"signed"
    oid = upload(hub, "tess/demo", token, data)
    other = upload(hub, "tess/other", token, b"other!")
    path = href(batch(hub, "tess/demo", token, "download", (oid, 6)), "download")
    assert hub.wire.get(path).body == data
    text = path.partition("pass=")[2]
    head, claims, mac = text.split(".")
    found = json.loads(base64.urlsafe_b64decode(claims + "=="))

    def status(text: str, path: str = path) -> int:
        return hub.wire.get(path.partition("pass=")[0] + f"pass={text}").status

    for name, value in found.items():
        changed = {**found, name: value + 1 if isinstance(value, int) else f"{value}x"}
        packed = base64.urlsafe_b64encode(json.dumps(changed).encode()).rstrip(b"=").decode()
        assert status(f"{head}.{packed}.{mac}") == 403, name
    none = base64.urlsafe_b64encode(b'{"alg":"none"}').rstrip(b"=").decode()
    last = "A" if mac[-2] != "A" else "B"
    for forged in (f"{none}.{claims}.", f"{head}.{claims}.{mac[:-2]}{last}{mac[-1]}", "", "x"):
        assert status(forged) == 403
    # For this method, object and repository only.
    assert hub.wire.ask("PUT", path, body=data).status == 403
    assert hub.wire.ask("POST", path.replace("?", "/verify?"), json_body={}).status == 403
    assert hub.wire.get(path.replace(oid, other)).status == 403
    assert hub.wire.get(path.replace("tess/demo", "tess/other")).status == 403
    assert hub.wire.get("/api/whoami-v2", headers={"Authorization": f"Bearer {text}"}).status == 401
    basic = base64.b64encode(f"x:{text}".encode()).decode()
    refs = "/spaces/tess/private/info/refs?service=git-upload-pack"
    assert hub.wire.get(refs, headers={"Authorization": f"Basic {basic}"}).status == 401


@pytest.mark.req("LFS-09")
def test_a_pass_is_over_in_time(hub: Hub, token: str) -> None:
    passes: Passes = hub.context.passes
    given = Pass(Purpose.DOWNLOAD, key_of(hub, "demo"), oid="a" * 64, size=1)
    assert passes.read(passes.sign(given, now() + timedelta(seconds=5)), now()) == given
    assert passes.read(passes.sign(given, now() - timedelta(seconds=1)), now()) is None
    answer = batch(hub, "tess/demo", token, "upload", ("a" * 64, 1))
    assert 0 < one(answer)["actions"]["upload"]["expires_in"] <= 3600


@pytest.mark.req("LFS-10")
@pytest.mark.parametrize("how", ["token", "suspended", "visibility"])
def test_rights_are_looked_at_again_when_used(hub: Hub, how: str) -> None:
    name = f"ruth-{how}"
    hub.space(f"{name}/demo", visibility="private")
    token = hub.token(name)
    data = f"of {name}".encode()
    oid = upload(hub, f"{name}/demo", token, data)
    get = href(batch(hub, f"{name}/demo", token, "download", (oid, len(data))), "download")
    put = href(batch(hub, f"{name}/demo", token, "upload", ("b" * 64, 3)), "upload")
    hub.space(f"{name}/open")
    free = upload(hub, f"{name}/open", token, b"free")
    public = href(batch(hub, f"{name}/open", "", "download", (free, 4)), "download")
    assert hub.wire.get(get).status == hub.wire.get(public).status == 200
    with hub.context.ledger.write() as tx:
        account = hub.user(name) if how == "none" else accounts.by_name(tx, name)
        assert account is not None
        if how == "token":
            for each in tokens.of_account(tx, account.id):
                tokens.revoke(tx, account.id, each.id)
        elif how == "suspended":
            accounts.suspend(tx, account.id)
        else:
            space = spaces.search(tx, text=f"{name}/open")[0]
            spaces.set_visibility(tx, space.key, Visibility.PRIVATE)
    if how == "visibility":
        assert hub.wire.get(public).status == 403
        return
    assert hub.wire.get(get).status == 403
    assert hub.wire.ask("PUT", put, body=b"abc").status == 403


@pytest.mark.req("LFS-14")
def test_ranges(hub: Hub, token: str) -> None:
    data = bytes(range(256)) * 64
    oid, size = upload(hub, "tess/demo", token, data), 256 * 64

    def get(value: str, **more: str) -> Any:
        return download(hub, "tess/demo", token, oid, size, headers={"Range": value, **more})

    for value, start, stop in (
        ("bytes=0-0", 0, 1),
        ("bytes=100-", 100, size),
        ("bytes=-5", size - 5, size),
        ("bytes=5-999999", 5, size),
    ):
        answer = get(value)
        assert (answer.status, answer.body) == (206, data[start:stop])
        assert answer.headers["Content-Range"] == f"bytes {start}-{stop - 1}/{size}"
    for value in (f"bytes={size}-", "bytes=9-3", "bytes=-0"):
        answer = get(value)
        assert answer.status == 416 and answer.headers["Content-Range"] == f"bytes */{size}"
    for value in ("bytes=" + ",".join(["0-0"] * 1000), "lines=1-2", "bytes=a-b", "bytes=-"):
        answer = get(value)
        assert answer.status == 200 and answer.body == data
    assert get("bytes=0-0", **{"If-Range": '"other"'}).body == data
    assert get("bytes=0-0", **{"If-Range": f'"{oid}"'}).status == 206


@pytest.mark.req("LFS-15")
def test_served_as_nothing_that_runs(hub: Hub, token: str) -> None:
    data = b"<script>alert(document.cookie)</script>"
    oid = upload(hub, "tess/demo", token, data)
    answer = download(hub, "tess/demo", token, oid, len(data))
    assert answer.headers["ETag"] == f'"{oid}"'
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    again = download(hub, "tess/demo", token, oid, len(data), headers={"If-None-Match": f'"{oid}"'})
    assert again.status == 304 and not again.body
    path = href(batch(hub, "tess/demo", token, "download", (oid, len(data))), "download")
    head = hub.wire.ask("HEAD", path)
    assert (head.status, head.body) == (200, b"")
    assert head.headers["Content-Length"] == str(len(data))


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
