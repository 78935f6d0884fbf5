"""One suite for every object store: the folder, and S3 over HTTP."""

from __future__ import annotations

import os
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from gitserver.lfs.staging import Staging, WrongContent
from gitserver.lfs.store import ObjectLost, ObjectStore, open_store
from spaceport.errors import Misconfigured, Unavailable
from tests.gitserver.lfs.world import download, git, oid_of, serving, upload

MIB = 1 << 20


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """The address of a bucket."""
    from moto.server import ThreadedMotoServer

    os.environ.update(AWS_ACCESS_KEY_ID="test", AWS_SECRET_ACCESS_KEY="test")
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    bucket = urllib.request.Request(f"http://127.0.0.1:{port}/bucket", method="PUT")
    urllib.request.urlopen(bucket).close()
    yield f"s3://bucket/large/files?endpoint=http://127.0.0.1:{port}"
    server.stop()
    del os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"]


@pytest.fixture(params=["folder", "s3"])
def url(request: pytest.FixtureRequest) -> str:
    return "" if request.param == "folder" else str(request.getfixturevalue("s3"))


@pytest.fixture
def store(url: str, tmp_path: Path) -> ObjectStore:
    return open_store(url, tmp_path)[0]


@pytest.fixture
def staging(url: str, tmp_path: Path) -> Staging:
    return Staging(open_store(url, tmp_path)[1])


def put(store: ObjectStore, staging: Staging, data: bytes) -> str:
    incoming = staging.receive(oid_of(data), len(data), [data])
    store.keep(incoming.path, incoming.oid, incoming.size)
    incoming.discard()
    return incoming.oid


@pytest.mark.parametrize("size", [0, 5, 9 * MIB])
def test_keep_and_read(store: ObjectStore, staging: Staging, size: int) -> None:
    data = os.urandom(size)
    oid = oid_of(data)
    assert store.size(oid) is None
    with pytest.raises(ObjectLost):
        store.open(oid)
    for _ in range(2):
        assert put(store, staging, data) == oid
        assert store.size(oid) == size
    source = store.open(oid)
    assert source.size == size
    assert b"".join(source.pieces(0, size)) == data
    assert b"".join(source.pieces(min(1, size), min(3, size))) == data[1:3]
    source.close()
    file = store.file(oid, size)
    assert file.read_bytes() == data and file.stat().st_mode & 0o777 == 0o444
    assert store.file(oid, size).stat().st_ino == file.stat().st_ino
    with pytest.raises(ObjectLost):
        store.file(oid, size + 1)
    assert oid in {stored.oid for stored in store.listed() if stored.size == size}
    for _ in range(2):
        store.remove(oid)
        assert store.size(oid) is None
    store.trim(0)
    with pytest.raises(ObjectLost):
        store.file(oid, size)
    assert not list(staging.folder.glob("*/*"))


def test_clone_from_each_store(url: str, tmp_path: Path) -> None:
    with serving(tmp_path / "data", objects=url) as hub:
        hub.space("otto/demo")
        token = hub.token("otto")
        data = os.urandom(3 * MIB)
        oid = upload(hub, "otto/demo", token, data)
        assert download(hub, "otto/demo", token, oid, len(data)).body == data
        part = {"Range": "bytes=5-99"}
        got = download(hub, "otto/demo", token, oid, len(data), headers=part)
        assert (got.status, got.body) == (206, data[5:100])
        work = tmp_path / "work"
        remote = f"http://otto:{token}@localhost:{hub.port}/spaces/otto/demo"
        git("clone", "-q", remote, work, cwd=tmp_path)
        git("lfs", "install", "--local", cwd=work)
        (work / "x.bin").write_bytes(data)
        git("add", ".", cwd=work)
        git("commit", "-qm", "Large", cwd=work)
        git("push", "-q", "origin", "HEAD:main", cwd=work)
        git("clone", "-q", remote, tmp_path / "again", cwd=tmp_path)
        assert (tmp_path / "again" / "x.bin").read_bytes() == data


def test_a_store_that_is_away(s3: str, tmp_path: Path) -> None:
    del s3
    store, incoming = open_store("s3://bucket?endpoint=http://127.0.0.1:9", tmp_path)
    with pytest.raises(Unavailable, match="store of large files"):
        put(store, Staging(incoming), b"x")


@pytest.mark.parametrize("url", ["ftp://x", "s3://", "s3:///x", "s3://b?acces=x"])
def test_addresses_that_mean_nothing(url: str, tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="objects"):
        open_store(url, tmp_path)


@pytest.mark.req("LFS-02")
def test_staging_takes_only_the_right_bytes(tmp_path: Path) -> None:
    staging = Staging(tmp_path / "incoming")
    for chunks in ([b"abd"], [b"ab"], [b"abc", b"d"], []):
        with pytest.raises(WrongContent):
            staging.receive(oid_of(b"abc"), 3, chunks)
    assert not list(staging.folder.glob("*/*"))
    incoming = staging.receive(oid_of(b"abc"), 3, [b"a", bytearray(b"b"), memoryview(b"c")])
    assert incoming.path.read_bytes() == b"abc"
    assert Staging(staging.folder).sweep(0) == 0  # its process lives
    staging.close()
    assert not list(staging.folder.glob("*/*"))
