"""The stock git-lfs: push, clone, resume, locks, and what it says when something is wrong."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.gitserver.lfs.world import git, oid_of, process_memory, serving, team
from tests.hub.conftest import Hub
from tests.waiting import eventually


def remote(hub: Hub, space: str, name: str) -> str:
    return f"http://{name}:{hub.token(name)}@localhost:{hub.port}/spaces/{space}"


def clone(hub: Hub, space: str, name: str, folder: Path) -> Path:
    git("clone", "-q", remote(hub, space, name), folder, cwd=folder.parent)
    git("lfs", "install", "--local", cwd=folder)
    return folder


def commit(work: Path, files: dict[str, bytes]) -> None:
    git("lfs", "track", "*.bin", cwd=work)
    for name, data in files.items():
        (work / name).parent.mkdir(parents=True, exist_ok=True)
        (work / name).write_bytes(data)
    git("add", ".", cwd=work)
    git("commit", "-qm", "Large files", cwd=work)


def test_push_clone_checkout_fsck(hub: Hub, tmp_path: Path) -> None:
    hub.space("lena/big")
    work = clone(hub, "lena/big", "lena", tmp_path / "work")
    files = {f"{n}.bin": os.urandom(1000 + n) for n in range(12)}
    files |= {"large.bin": os.urandom(7 << 20), "empty.bin": b""}
    commit(work, files)
    git("push", "-q", "origin", "HEAD:main", cwd=work)
    other = clone(hub, "lena/big", "lena", tmp_path / "other")
    for name, data in files.items():
        assert (other / name).read_bytes() == data
    assert "Git LFS fsck OK" in git("lfs", "fsck", cwd=other)
    anonymous = tmp_path / "anonymous"
    git("clone", "-q", f"{hub.url}/spaces/lena/big.git", anonymous, cwd=tmp_path)
    assert (anonymous / "large.bin").read_bytes() == files["large.bin"]


@pytest.mark.req("LFS-17")
def test_a_pointer_without_its_object_is_refused(hub: Hub, tmp_path: Path) -> None:
    hub.space("lena/missing")
    work = clone(hub, "lena/missing", "lena", tmp_path / "work")
    data = b"never uploaded " * 10
    commit(work, {"deep/lost.bin": data})
    said = git("-c", "core.hooksPath=/dev/null", "push", "origin", "HEAD:main", cwd=work, ok=False)
    assert "deep/lost.bin" in said and oid_of(data) in said and "git lfs push --all" in said
    git("push", "-q", "origin", "HEAD:main", cwd=work)


def test_what_a_refused_push_says_mends_it(hub: Hub, tmp_path: Path) -> None:
    hub.space("lena/mended")
    work = clone(hub, "lena/mended", "lena", tmp_path / "work")
    data = os.urandom(10 * (1 << 20) + 1)
    (work / "huge.dat").write_bytes(data)
    git("add", ".", cwd=work)
    git("commit", "-qm", "Huge", cwd=work)
    said = git("push", "origin", "HEAD:main", cwd=work, ok=False)
    (line,) = [line for line in said.splitlines() if "git lfs migrate import" in line]
    git(*line.partition("git ")[2].split(), "--yes", cwd=work)
    git("push", "-q", "origin", "HEAD:main", cwd=work)
    assert hub.context.large.store.size(oid_of(data)) == len(data)


def test_a_download_goes_on_where_it_broke_off(hub: Hub, tmp_path: Path) -> None:
    hub.space("lena/resumed")
    work = clone(hub, "lena/resumed", "lena", tmp_path / "work")
    data = os.urandom(3 << 20)
    commit(work, {"r.bin": data})
    git("push", "-q", "origin", "HEAD:main", cwd=work)
    url = remote(hub, "lena/resumed", "lena")
    half = tmp_path / "half"
    git("clone", "-q", "--no-checkout", url, half, cwd=tmp_path)
    partial = half / ".git" / "lfs" / "incomplete" / f"{oid_of(data)}.part"
    partial.parent.mkdir(parents=True)
    partial.write_bytes(data[: 2 << 20])
    os.environ["GIT_CURL_VERBOSE"] = "1"
    try:
        said = git("checkout", "main", cwd=half)
    finally:
        del os.environ["GIT_CURL_VERBOSE"]
    assert f"Range: bytes={2 << 20}-" in said and "206 Partial Content" in said
    assert (half / "r.bin").read_bytes() == data


@pytest.mark.req("LFS-11")
def test_locks_of_the_client(hub: Hub, tmp_path: Path) -> None:
    team(hub, "locksmiths", ("client",))
    ann = clone(hub, "locksmiths/client", "lock-ann", tmp_path / "ann")
    commit(ann, {"x.bin": b"one"})
    git("push", "-q", "origin", "HEAD:main", cwd=ann)
    bob = clone(hub, "locksmiths/client", "lock-bob", tmp_path / "bob")
    assert "Locked x.bin" in git("lfs", "lock", "x.bin", cwd=ann)
    assert "lock-ann" in git("lfs", "locks", cwd=bob)
    commit(bob, {"x.bin": b"two"})
    git("config", "lfs.locksverify", "true", cwd=bob)
    said = git("push", "origin", "HEAD:main", cwd=bob, ok=False)
    assert "x.bin - lock-ann" in said
    assert "locked" in git("lfs", "unlock", "x.bin", cwd=bob, ok=False).lower()
    git("lfs", "unlock", "--force", "x.bin", cwd=bob)
    git("push", "-q", "origin", "HEAD:main", cwd=bob)


def test_a_thousand_small_objects_in_parallel(hub: Hub, tmp_path: Path) -> None:
    hub.space("lena/many")
    work = clone(hub, "lena/many", "lena", tmp_path / "work")
    commit(work, {f"{n % 10}/{n}.bin": f"object {n}\n".encode() for n in range(1000)})
    before = process_memory()
    git("push", "-q", "origin", "HEAD:main", cwd=work)
    assert process_memory() - before < 64 << 20
    assert hub.context.large.store.size(oid_of(b"object 999\n")) == 11
    eventually(lambda: not list(hub.context.large.staging.folder.glob("[0-9]*/*")))


def test_storage_that_is_full_is_told_before_bytes_move(tmp_path: Path) -> None:
    with serving(tmp_path / "data", lfs={"space_bytes": 1000}) as hub:
        hub.space("lena/full")
        work = clone(hub, "lena/full", "lena", tmp_path / "work")
        commit(work, {"fits.bin": b"f" * 600, "not.bin": b"n" * 600})
        said = git("push", "origin", "HEAD:main", cwd=work, ok=False)
        assert "This Space may hold 1000 bytes of large files" in said
