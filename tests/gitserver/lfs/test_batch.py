"""`POST objects/batch`: shapes, sizes, ids, rights, and that it tells nothing about others."""

from __future__ import annotations

from typing import Any

import pytest

from config.lfs import LfsSettings
from gitserver.lfs.answers import MEDIA_TYPE, LfsError
from gitserver.lfs.batch import Asked, chunk_bytes, in_parts, part_count, read_batch
from tests.gitserver.lfs.world import JSON, batch, download, oid_of, one, upload
from tests.hub.conftest import Hub

A = "a" * 64
LIMITS = LfsSettings(object_bytes=1000, batch_objects=3, multipart_from=500)


@pytest.fixture(scope="module")
def token(hub: Hub) -> str:
    hub.space("bea/demo")
    hub.space("bea/private", visibility="private")
    return hub.token("bea")


def read(**request: Any) -> Any:
    return read_batch({"operation": "upload", "objects": [], **request}, LIMITS)


@pytest.mark.req("LFS-06")
@pytest.mark.req("LFS-07")
@pytest.mark.parametrize(
    ("oid", "size", "status"),
    [
        *((oid, 1, 422) for oid in ("..", "/etc/passwd", "a" * 63, "a" * 65, "A" * 64, "", None)),
        *((oid, 1, 422) for oid in ("a" * 63 + "\0", "a" * 63 + "\n", 7, "á" * 64)),
        *((A, size, 422) for size in (-1, 1.0, True, 2**63, "1", None, [])),
        *((A, 0, 0), (A, 1000, 0), (A, 1001, 413), (A, 2**63 - 1, 413)),
    ],
)
def test_ids_and_sizes(oid: Any, size: Any, status: int) -> None:
    (asked,) = read(objects=[{"oid": oid, "size": size}]).objects
    assert (asked.wrong or (0,))[0] == status


@pytest.mark.req("LFS-08")
@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ({"operation": "delete"}, 422),
        ({"operation": None}, 422),
        ({"objects": None}, 422),
        ({"objects": ["x"]}, 422),
        ({"objects": [{"oid": A, "size": 1}] * 4}, 413),
        ({"hash_algo": "sha1"}, 409),
        ({"hash_algo": None}, 409),
        ({"transfers": "basic"}, 422),
        ({"ref": "main"}, 422),
        ({"ref": {"name": 1}}, 422),
    ],
)
def test_shapes(request_: dict[str, Any], status: int) -> None:
    with pytest.raises(LfsError) as refused:
        read(**request_)
    assert refused.value.status == status


@pytest.mark.req("LFS-08")
def test_what_may_be_left_out() -> None:
    for transfers in ([], None, ["lzma"], ["basic", "tus"]):
        batch = read(transfers=transfers, hash_algo="sha256", ref={"name": "refs/heads/x"})
        assert not in_parts(batch, LIMITS)
    assert read(objects=[{"oid": A, "size": 1}] * 3).objects == (Asked(A, 1),)
    (two_sizes,) = read(objects=[{"oid": A, "size": 1}, {"oid": A, "size": 2}]).objects
    assert two_sizes.wrong is not None and two_sizes.wrong[0] == 422


def test_parts_only_for_who_asks_and_what_is_big() -> None:
    small, big = {"oid": A, "size": 499}, {"oid": "b" * 64, "size": 500}
    assert in_parts(read(transfers=["multipart"], objects=[small, big]), LIMITS)
    assert not in_parts(read(transfers=["multipart"], objects=[small]), LIMITS)
    assert not in_parts(read(transfers=["basic"], objects=[big]), LIMITS)
    download = read(operation="download", transfers=["multipart"], objects=[big])
    assert not in_parts(download, LIMITS)
    many = LfsSettings(parts=10, part_bytes=65536)
    assert [chunk_bytes(size, many) for size in (1, 655360, 655361)] == [65536, 65536, 65537]
    assert [part_count(size, 10) for size in (0, 1, 10, 11)] == [0, 1, 1, 2]


def post(hub: Hub, token: str, body: bytes, **headers: str) -> Any:
    path = "/spaces/bea/demo.git/info/lfs/objects/batch"
    sent = {**JSON, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return hub.wire.ask("POST", path, token=token, body=body, headers=sent)


@pytest.mark.req("LFS-08")
def test_media_types_and_bad_json(hub: Hub, token: str) -> None:
    good = b'{"operation": "download", "objects": []}'
    fine = f"{MEDIA_TYPE}; charset=utf-8"
    assert post(hub, token, good, Accept=fine, Content_Type=fine).status == 200
    assert post(hub, token, good, Accept="*/*").status == 200
    for status, body, headers in (
        (406, good, {"Accept": "text/html"}),
        (415, good, {"Content_Type": "text/plain"}),
        (415, good, {"Content_Encoding": "gzip"}),
        (400, b"{", {}),
        (400, b"[" * 100_000, {}),
        (422, b"[]", {}),
        (413, b" " * (1 << 20) + good, {}),
    ):
        answer = post(hub, token, body, **headers)
        assert answer.status == status
        assert answer.headers["Content-Type"].startswith(MEDIA_TYPE) and answer.json()["message"]


@pytest.mark.req("LFS-01")
def test_rights(hub: Hub, token: str) -> None:
    wanted = (A, 5)
    stranger, reader = hub.token("carla"), hub.token("bea", "read")
    expected = {
        ("bea/demo", "", "download"): 200,
        ("bea/demo", "", "upload"): 401,
        ("bea/demo", stranger, "upload"): 200,  # it may become a pull request
        ("bea/demo", hub.token("carla", "read"), "upload"): 403,
        ("bea/demo", reader, "upload"): 403,
        ("bea/demo", token, "upload"): 200,
        ("bea/private", "", "download"): 401,
        ("bea/private", "", "upload"): 401,
        ("bea/private", stranger, "download"): 404,
        ("bea/private", stranger, "upload"): 404,
        ("bea/private", reader, "download"): 200,
        ("bea/none", stranger, "download"): 404,
        ("bea/none", "", "download"): 401,
        ("bea/demo", "hf_wrong", "download"): 401,
    }
    for (space, shown, operation), status in expected.items():
        answer = batch(hub, space, shown, operation, wanted)
        assert answer.status == status, (space, operation, answer.body)
        assert ("LFS-Authenticate" in answer.headers) == (status == 401)
        assert answer.json().get("message") or status == 200


@pytest.mark.req("LFS-05")
def test_absent_and_somebody_elses_look_the_same(hub: Hub, token: str) -> None:
    data = b"a secret of bea's"
    oid = upload(hub, "bea/private", token, data)
    hub.space("carla/own")
    stranger = hub.token("carla")
    for operation in ("download", "upload"):
        known = one(batch(hub, "carla/own", stranger, operation, (oid, len(data))))
        absent = one(batch(hub, "carla/own", stranger, operation, (A, len(data))))
        assert known.keys() == absent.keys()
        assert known.get("error") == absent.get("error")
        assert known.get("actions", {}).keys() == absent.get("actions", {}).keys()
    assert known["actions"]["upload"]


def test_what_is_there_is_not_sent_again(hub: Hub, token: str) -> None:
    data = b"once"
    oid = upload(hub, "bea/demo", token, data)
    assert one(batch(hub, "bea/demo", token, "upload", (oid, 4))) == {"oid": oid, "size": 4}
    other_size = one(batch(hub, "bea/demo", token, "upload", (oid, 5)))
    assert other_size["error"]["code"] == 422
    assert download(hub, "bea/demo", "", oid, 4).body == data
    nothing = oid_of(b"")
    assert upload(hub, "bea/demo", token, b"") == nothing
    assert download(hub, "bea/demo", token, nothing, 0).body == b""


@pytest.mark.req("LFS-16")
def test_addresses_come_from_the_settings(hub: Hub, token: str) -> None:
    sent = {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https", "Forwarded": "host=x"}
    for headers in (sent, {"Host": f"127.0.0.1:{hub.port}"}):
        answer = batch(hub, "bea/demo", token, "upload", (A, 1), headers=headers)
        found = one(answer)["actions"]["upload"]["href"]
        assert found.startswith((hub.url + "/", f"http://127.0.0.1:{hub.port}/"))
        assert "evil" not in answer.body.decode()
    evil = batch(hub, "bea/demo", token, "upload", (A, 1), headers={"Host": "evil.example"})
    assert evil.status in (404, 421) or "evil" not in evil.body.decode()
