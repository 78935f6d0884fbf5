"""kill -9, failing and full disks at every durable step of an upload: an object whole or absent."""

from __future__ import annotations

import http.client
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from spaceport import failpoints
from spaceport.ledger import large, spaces
from tests import disks
from tests.gitserver.lfs.world import (
    JSON,
    batch,
    download,
    href,
    left_behind,
    local,
    oid_of,
    one,
    process,
    serving,
)
from tests.hub.conftest import Hub
from tests.hub.wire import Wire

MIB = 1 << 20
DEADLY = ["lfs:write", "lfs:after-rename", "lfs:before-link", "lfs:after-link"]
POINTS = [*DEADLY[:-1], "lfs:before-sync", "lfs:before-rename"]
QUOTA = {"space_bytes": 5 * MIB, "multipart_from": 4 * MIB, "part_bytes": 2 * MIB}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A data folder with a Space, to be copied, and a token for it."""
    data = tmp_path_factory.mktemp("crash") / "data"
    with serving(data, lfs=QUOTA) as hub:
        hub.space("cara/demo")
        token = hub.token("cara")
    return data, token


@pytest.mark.req("LFS-18")
@pytest.mark.req("DUR-02")
@pytest.mark.parametrize("point", DEADLY)
def test_killed_at(prepared: tuple[Path, str], tmp_path: Path, point: str) -> None:
    data, token = tmp_path / "data", prepared[1]
    shutil.copytree(prepared[0], data)
    content = os.urandom(3 * MIB)
    oid = oid_of(content)
    with process(data, f"{point}=exit", lfs=QUOTA) as (port, child):
        asked = Wire(port).ask(
            "POST",
            "/spaces/cara/demo.git/info/lfs/objects/batch",
            token=token,
            json_body={"operation": "upload", "objects": [{"oid": oid, "size": len(content)}]},
            headers=JSON,
        )
        put = local(asked.json()["objects"][0]["actions"]["upload"]["href"])
        with pytest.raises((http.client.HTTPException, OSError)):
            Wire(port).ask("PUT", put, body=content)
        assert child.wait(20) == 137
    with serving(data, lfs=QUOTA) as hub:
        assert not left_behind(hub)
        key = key_of(hub)
        held = hub.context.large.held(key, [oid])
        assert bool(held) == (point == "lfs:after-link")
        size = hub.context.large.store.size(oid)
        assert size in (None, len(content)) and (not held or size is not None)
        with hub.context.ledger.read() as tx:
            assert large.used(tx, key) == (len(content) if held else 0)
        again = batch(hub, "cara/demo", token, "upload", (oid, len(content)))
        if not held:
            assert hub.wire.ask("PUT", href(again, "upload"), body=content).status == 200
        assert download(hub, "cara/demo", token, oid, len(content)).body == content


def key_of(hub: Hub) -> str:
    with hub.context.ledger.read() as tx:
        return spaces.search(tx, text="cara/demo")[0].key


@pytest.mark.req("LFS-13")
@pytest.mark.req("DUR-02")
def test_parts_outlive_a_restart(prepared: tuple[Path, str], tmp_path: Path) -> None:
    data, token = tmp_path / "data", prepared[1]
    shutil.copytree(prepared[0], data)
    content = os.urandom(5 * MIB)
    pieces = [content[at : at + 2 * MIB] for at in range(0, len(content), 2 * MIB)]
    with serving(data, lfs=QUOTA) as hub:
        asked = batch(
            hub, "cara/demo", token, "upload", (oid_of(content), 5 * MIB), transfers=["multipart"]
        )
        upload = one(asked)["actions"]["upload"]
        paths = [local(upload["header"][f"{n:05}"]) for n in (1, 2, 3)]
        etags = [hub.wire.ask("PUT", paths[0], body=pieces[0]).headers["ETag"]]
    with serving(data, port=hub.port, lfs=QUOTA) as hub:
        for path, piece in zip(paths[1:], pieces[1:], strict=True):
            etags.append(hub.wire.ask("PUT", path, body=piece).headers["ETag"])
        parts = [{"partNumber": n, "etag": etag} for n, etag in enumerate(etags, 1)]
        body = {"oid": oid_of(content), "parts": parts}
        done = hub.wire.ask("POST", local(upload["href"]), json_body=body, headers=JSON)
        assert done.status == 200
        got = download(hub, "cara/demo", token, oid_of(content), 5 * MIB)
        assert got.body == content
    abandoned = data / "objects" / "incoming" / "parts" / f"{key_of(hub)}-{'0' * 32}"
    abandoned.mkdir()
    os.utime(abandoned, (0, 0))
    with serving(data, lfs=QUOTA):
        assert not abandoned.exists()


@pytest.mark.req("DUR-09")
@pytest.mark.parametrize("action", ["raise", "nospace"])
@pytest.mark.parametrize("point", POINTS)
def test_a_failing_step_is_never_a_success(hub: Hub, point: str, action: str) -> None:
    hub.space(f"cara/f-{point[4:]}-{action}")
    space, token = f"cara/f-{point[4:]}-{action}", hub.token("cara")
    content = f"{point} {action}".encode() * 20_000
    oid = oid_of(content)
    put = href(batch(hub, space, token, "upload", (oid, len(content))), "upload")
    failpoints.arm(point, action)
    try:
        answer = hub.wire.ask("PUT", put, body=content)
    finally:
        failpoints.disarm(point)
    assert answer.status == (507 if action == "nospace" else 500)
    assert json.loads(answer.body)["message"] and not left_behind(hub)
    assert one(batch(hub, space, token, "download", (oid, len(content))))["error"]["code"] == 404
    assert hub.wire.ask("PUT", put, body=content).status == 200
    assert download(hub, space, token, oid, len(content)).body == content


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MiB of its own."""
    with disks.small_disk(tmp_path / "disk", 4) as folder:
        yield folder


@pytest.mark.req("DUR-08")
def test_a_full_disk(small_disk: Path, tmp_path: Path) -> None:
    with serving(tmp_path / "data", objects=str(small_disk / "objects")) as hub:
        hub.space("cara/full")
        token = hub.token("cara")
        kept = b"kept" * 1000
        put = href(batch(hub, "cara/full", token, "upload", (oid_of(kept), 4000)), "upload")
        assert hub.wire.ask("PUT", put, body=kept).status == 200
        large_ = os.urandom(5 * MIB)
        put = href(batch(hub, "cara/full", token, "upload", (oid_of(large_), 5 * MIB)), "upload")
        answer = hub.wire.ask("PUT", put, body=large_)
        assert answer.status == 507 and "disk is full" in answer.json()["message"]
        assert not left_behind(hub)
        huge = os.urandom(40 * MIB)  # the client hears why, although most of it had no place
        put = href(batch(hub, "cara/full", token, "upload", (oid_of(huge), 40 * MIB)), "upload")
        assert hub.wire.ask("PUT", put, body=huge).status == 507
        assert download(hub, "cara/full", token, oid_of(kept), 4000).body == kept
        fits = os.urandom(2 * MIB)
        put = href(batch(hub, "cara/full", token, "upload", (oid_of(fits), 2 * MIB)), "upload")
        assert hub.wire.ask("PUT", put, body=fits).status == 200


@pytest.mark.req("LFS-07")
def test_parallel_uploads_do_not_overshoot_the_quota(tmp_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with serving(tmp_path / "data", lfs={"space_bytes": 10_500, "owner_bytes": 15_500}) as hub:
        for name in ("one", "two"):
            hub.space(f"cara/{name}")
        token = hub.token("cara")

        def send(work: tuple[str, int]) -> int:
            space, number = work
            content = bytes([number]) * 1000
            asked = one(batch(hub, space, token, "upload", (oid_of(content), 1000)))
            if "error" in asked:
                assert "have" in asked["error"]["message"] or asked["error"]["message"]
                return int(asked["error"]["code"])
            put = local(asked["actions"]["upload"]["href"])
            return hub.wire.ask("PUT", put, body=content).status

        with ThreadPoolExecutor(20) as pool:
            first = list(pool.map(send, [("cara/one", n) for n in range(20)]))
            second = list(pool.map(send, [("cara/two", n) for n in range(20)]))
        assert sorted(first) == [200] * 10 + [507] * 10
        assert sorted(second) == [200] * 5 + [507] * 15
        many = batch(hub, "cara/two", token, "upload", (oid_of(b"x"), 400), (oid_of(b"y"), 400))
        codes = [each.get("error", {}).get("code") for each in many.json()["objects"]]
        assert codes == [None, 507]
