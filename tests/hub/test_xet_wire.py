"""The upload store as others may use it: without a right, cut off, with lies, twice at once."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from spaceport import failpoints
from spaceport.ledger import spaces, tokens
from spaceport.roles import TokenRole
from tests.disks import files_below
from tests.gitserver.xet.making import Piece, chunk, file_records, name, sha256, xorb
from tests.hub.conftest import Hub, make_context
from tests.hub.sending import Sending, begin, serving, spooled
from tests.hub.wire import free_port
from tests.waiting import aeventually, eventually


@pytest.fixture
def sending(hub: Hub, request: pytest.FixtureRequest) -> Iterator[Sending]:
    owner = f"x{request.node.name}"[:20].strip("_").replace("_", "-")
    yield begin(hub, hub.space(f"{owner}/{secrets.token_hex(4)}"), owner)


def file(data: bytes, number: int = 1) -> bytes:
    return file_records(sha256(data), [Piece(name(number), len(data), 0, 1)])


def test_by_hand(sending: Sending) -> None:
    data = os.urandom(5000)
    first = sending.xorb(1, xorb([data], 1))
    assert (first.status, first.json()) == (200, {"was_inserted": True})
    assert sending.xorb(1, xorb([data], 1)).json() == {"was_inserted": False}
    done = sending.shard(file(data))
    assert (done.status, done.json()) == (200, {"result": 1})
    assert sending.holds(data) and sending.waiting == []
    # The answer was lost: the same again, though the xorb is gone.
    assert sending.shard(file(data)).json() == {"result": 0}


def test_what_a_server_without_global_dedup_answers(hub: Hub, sending: Sending) -> None:
    for method, path in (
        ("GET", f"/v1/chunks/default/{name(1)}"),
        ("POST", f"/v1/xorb-grants/default/{name(1)}"),
        ("POST", "/v2/shards"),
        ("GET", f"/v2/reconstructions/{name(1)}"),
    ):
        assert hub.wire.ask(method, sending.path + path, token=sending.token).status == 404
    assert hub.wire.ask("POST", "/v1/telemetry", body=b"{}").status == 204


def test_who_gets_a_token(hub: Hub) -> None:
    space = hub.space("xet-tokens/demo")
    path = f"/api/spaces/{space.id}/xet-write-token/main"
    assert hub.wire.get(path).status == 401
    assert hub.wire.get(path, token=hub.token("xet-stranger")).status == 403
    assert hub.wire.get(path, token=hub.token("xet-tokens", "read")).status == 403
    token = hub.token("xet-tokens")
    missing = hub.wire.get(path.replace("/main", "/none"), token=token)
    assert (missing.status, missing.headers["X-Error-Code"]) == (404, "RevisionNotFound")
    for asked in ("/main?create_pr=1", "/None?create_pr=1"):
        for_pull = path.replace("/main", asked)
        assert hub.wire.get(for_pull, token=hub.token("xet-stranger")).status == 200
        assert hub.wire.get(for_pull, token=hub.token("xet-stranger", "read")).status == 403
        assert hub.wire.get(for_pull).status == 401
    forged = hub.wire.get(path, token=token, headers={"Host": "evil.example.org"})
    assert forged.json()["casUrl"].startswith(f"{hub.url}/xet/")
    two = {hub.wire.get(path, token=token).json()["casUrl"] for _ in range(2)}
    assert len(two) == 2
    assert hub.wire.get(path.replace("write", "read"), token=token).status == 404


@pytest.mark.req("LFS-01")
def test_tokens_open_uploads_of_their_own_only(hub: Hub, sending: Sending) -> None:
    data, body = os.urandom(100), xorb([b"x"])
    theirs = hub.space("xet-other/demo")
    other = begin(hub, theirs, "xet-other")
    again = begin(hub, sending.space, sending.space.id.author)
    for token, status in (
        ("", 401),
        ("nonsense", 401),
        (sending.token[:-2] + "AA", 401),
        (hub.token(sending.space.id.author), 401),
        (other.token, 404),
        (again.token, 200),  # renewed: the client goes on with the first address
    ):
        answer = Sending(hub, sending.space, sending.path, token).xorb(1, body)
        assert answer.status == status, token
    assert Sending(hub, theirs, sending.path, other.token).shard(file(data)).status == 404
    for path in ("/xet/" + "a" * 64, "/xet/..", "/xet/x", sending.path + "a"):
        assert Sending(hub, theirs, path, other.token).xorb(1, body).status == 404
    assert sending.post("/v1/xorbs/default/nonsense", body).status == 400
    assert sending.post("/v1/xorbs/default/..%2f..%2fkeys", body).status == 400


@pytest.mark.req("LFS-10")
def test_rights_are_asked_for_at_every_call(hub: Hub) -> None:
    space = hub.space("xet-rights/demo")
    account = hub.user("xet-rights")
    with hub.context.ledger.write() as tx:
        made, text = tokens.create(tx, account.id, "t", TokenRole.WRITE)
    one = begin(hub, space, "xet-rights", text)
    assert one.xorb(1, xorb([b"data"])).status == 200
    with hub.context.ledger.write() as tx:
        tokens.revoke(tx, account.id, made.id)
    assert one.xorb(2, xorb([b"data"])).status == 401
    assert one.shard(file(b"data")).status == 401 and not one.holds(b"data")
    two = begin(hub, space, "xet-rights")
    with hub.context.ledger.write() as tx:
        spaces.mark_deleted(tx, space.key)
    assert two.xorb(1, xorb([b"data"])).status == 404


@pytest.mark.req("LFS-02")
def test_what_is_wrong_is_said_and_not_kept(sending: Sending) -> None:
    data = os.urandom(1000)
    cut = sending.xorb(1, chunk(data)[:-1])
    assert cut.status == 400 and "ends within a chunk" in cut.error
    assert sending.xorb(1, b"").status == 400
    assert sending.waiting == []
    for records, message in (
        (file(data, 7), "not part of this upload"),
        (file(data + b"x"), "bytes, and the shard says"),
        (file_records(sha256(b"other"), [Piece(name(1), 1000, 0, 1)]), "SHA-256"),
        (b"\x01" * 47, "without its SHA-256"),
    ):
        assert sending.xorb(1, chunk(data)).status == 200
        refused = sending.shard(records)
        assert refused.status == 400 and message in refused.error
        assert sending.waiting == [] and not sending.holds(data)
    incoming = sending.hub.context.large.staging.folder
    assert files_below(incoming) == []


@pytest.mark.req("LFS-18")
@pytest.mark.parametrize(
    ("point", "action", "status"),
    [
        ("lfs:write", "nospace", 507),
        ("lfs:before-sync", "raise", 500),
        ("lfs:before-link", "raise", 500),
    ],
)
def test_a_disk_that_fails_costs_a_second_try(
    sending: Sending, point: str, action: str, status: int
) -> None:
    data = os.urandom(2000)
    assert sending.xorb(1, xorb([data], 1)).status == 200
    failpoints.arm(point, action)
    try:
        failed = sending.shard(file(data))
    finally:
        failpoints.disarm(point)
    assert (failed.status, sending.holds(data)) == (status, False)
    assert [path.name for path in sending.waiting] == [name(1)]  # the client tries again
    assert sending.shard(file(data)).status == 200
    assert sending.holds(data) and sending.waiting == []


@pytest.mark.req("LFS-03")
def test_two_shards_at_once_are_registered_once(sending: Sending) -> None:
    data = os.urandom(3_000_000)
    pieces = [data[at : at + 100_000] for at in range(0, len(data), 100_000)]
    assert sending.xorb(1, xorb(pieces, 2)).status == 200
    record = file_records(sha256(data), [Piece(name(1), len(data), 0, 30)])
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: sending.shard(record), range(4)))
    assert [answer.status for answer in answers] == [200] * 4
    assert sorted(answer.json()["result"] for answer in answers) == [0, 0, 0, 1]
    assert sending.holds(data) and sending.waiting == []


def test_a_sender_who_goes_away_leaves_nothing(sending: Sending) -> None:
    head = (
        f"POST {sending.path}/v1/xorbs/default/{name(1)} HTTP/1.1\r\nHost: localhost\r\n"
        f"Authorization: Bearer {sending.token}\r\nContent-Length: 5000000\r\n\r\n"
    ).encode()
    with socket.create_connection(("127.0.0.1", sending.hub.port)) as sock:
        sock.sendall(head + bytes(2_000_000))
        eventually(lambda: sending.waiting)
    eventually(lambda: not sending.waiting)
    limits = sending.hub.context.settings.hub.xet
    over = sending.post("/v1/shards", bytes(limits.shard_bytes + 1))
    assert over.status == 413 and str(limits.shard_bytes) in over.error
    packed = sending.post("/v1/shards", b"x", **{"Content-Encoding": "gzip"})
    assert packed.status == 415


async def test_after_a_restart_uploads_go_on_and_old_ones_are_gone(
    tmp_path: Path,
) -> None:
    context = make_context(tmp_path / "data", free_port())
    before = Hub(context, context.settings.http.port)
    space, folder = before.space("xrestart/demo"), context.data / "xet"
    token = before.token("xrestart")
    data = os.urandom(3000)
    async with serving(context):
        sending = await asyncio.to_thread(begin, before, space, "xrestart", token)
        assert (await asyncio.to_thread(sending.xorb, 1, xorb([data]))).status == 200
    old, left = folder / space.key / ("b" * 64), folder / "gone" / ("c" * 64)
    for path in (old, left):
        path.mkdir(parents=True)
        (path / name(1)).write_bytes(b"x")
    os.utime(old, (0, 0))
    assert len(spooled(before)) == 3
    async with serving(context):
        await aeventually(lambda: len(spooled(before)) == 1)
        done = await asyncio.to_thread(sending.shard, file(data))
        assert (done.status, sending.holds(data)) == (200, True)
    context.pools.close()
    context.large.close()
    context.ledger.close()
