"""Large files by the real client (without Xet), by the API, and in the pages."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import CommitOperationAdd, constants

from gitserver.pointer import parse_pointer
from spaceport.ledger import large, spaces
from tests.gitserver.lfs.world import git
from tests.hub.conftest import Hub
from tests.hub.test_upload import add, commit

MIB = 1 << 20


@pytest.fixture(autouse=True)
def no_xet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)


def entry(hub: Hub, id: str, path: str) -> Any:
    asked = {"paths": [path]}
    return hub.wire.ask("POST", f"/api/spaces/{id}/paths-info/main", json_body=asked).json()[0]


@pytest.mark.parametrize("size", [12 * MIB, 17 * MIB])  # in one request, and in parts
def test_upload_and_download(hub: Hub, tmp_path: Path, size: int) -> None:
    id = f"lars/demo-{size}"
    api = hub.api("lars")
    hub.space(id)
    data = os.urandom(size)
    oid = hashlib.sha256(data).hexdigest()
    file = tmp_path / "model.safetensors"
    file.write_bytes(data)
    upload = {"path_or_fileobj": file, "path_in_repo": "w/model.safetensors", "repo_id": id}
    api.upload_file(**upload, repo_type="space")  # type: ignore[arg-type]
    shown = entry(hub, id, "w/model.safetensors")
    assert shown["size"] == size and shown["lfs"]["oid"] == oid
    head = hub.wire.ask("HEAD", f"/spaces/{id}/resolve/main/w/model.safetensors")
    assert head.headers["ETag"] == head.headers["X-Linked-ETag"] == f'"{oid}"'
    assert head.headers["X-Linked-Size"] == head.headers["Content-Length"] == str(size)
    got = api.hf_hub_download(
        id, "w/model.safetensors", repo_type="space", cache_dir=tmp_path / "cache"
    )
    assert Path(got).read_bytes() == data
    before = api.space_info(id).sha
    api.upload_file(**upload, repo_type="space")  # type: ignore[arg-type]
    assert api.space_info(id).sha == before  # the same content: nothing to commit
    folder = api.snapshot_download(id, repo_type="space", cache_dir=tmp_path / "other")
    assert (Path(folder) / "w" / "model.safetensors").read_bytes() == data
    checked = api.verify_repo_checksums(id, repo_type="space", local_dir=folder)
    assert not checked.mismatches


def test_ranges_and_conditions_of_resolve(hub: Hub) -> None:
    hub.space("lars/ranges")
    token, data = hub.token("lars"), os.urandom(70_000)
    assert commit(hub, "lars/ranges", token, add("x.bin", data)).status == 200
    path = "/spaces/lars/ranges/resolve/main/x.bin"
    part = hub.wire.get(path, headers={"Range": "bytes=10-19"})
    assert (part.status, part.body) == (206, data[10:20])
    assert part.headers["Content-Range"] == "bytes 10-19/70000"
    assert hub.wire.get(path, headers={"Range": "bytes=70000-"}).status == 416
    tag = part.headers["ETag"]
    assert hub.wire.get(path, headers={"If-None-Match": tag}).status == 304
    whole = hub.wire.get(path)
    assert whole.body == data and whole.headers["Content-Disposition"].startswith("attachment")
    assert whole.headers["X-Content-Type-Options"] == "nosniff"
    assert whole.headers["X-Repo-Commit"]


def test_the_server_writes_the_pointer_of_what_came_inline(hub: Hub, tmp_path: Path) -> None:
    """`.gitattributes` says git-lfs, the client sent the content: so a clone has it in git-lfs."""
    api = hub.api("lotte")
    space = hub.space("lotte/inline")
    content, key = hub.context.content, space.key
    folder = tmp_path / "folder"
    (folder / "deep").mkdir(parents=True)
    files = {
        "weights.bin": os.urandom(5000),
        "deep/data.custom": b"custom " * 100,
        "deep/plain.txt": b"plain",
        "deep/.gitattributes": b"*.custom filter=lfs diff=lfs merge=lfs -text\n",
        "empty.bin": b"",
    }
    for name, data in files.items():
        (folder / name).write_bytes(data)
    api.upload_folder(folder_path=folder, repo_id="lotte/inline", repo_type="space")
    head = content.resolve(key, "main")
    for name, data in files.items():
        pointer = parse_pointer(content.read(key, head, name, 10_000))
        assert (pointer is not None) == (name in ("weights.bin", "deep/data.custom")), name
        assert hub.wire.get(f"/spaces/lotte/inline/resolve/main/{name}").body == data
    api.upload_folder(folder_path=folder, repo_id="lotte/inline", repo_type="space")
    assert content.resolve(key, "main") == head
    clone = tmp_path / "clone"
    git("clone", "-q", f"{hub.url}/spaces/lotte/inline", clone, cwd=tmp_path)
    for name, data in files.items():
        assert (clone / name).read_bytes() == data
    assert git("status", "--short", cwd=clone) == ""
    assert "weights.bin" in git("lfs", "ls-files", cwd=clone)


def test_an_object_that_was_uploaded_can_be_named_elsewhere(hub: Hub) -> None:
    """`lfsFile` without a size, as the client copies within a repository."""
    hub.space("lotte/copies")
    token = hub.token("lotte")
    data = b"copied " * 1000
    assert commit(hub, "lotte/copies", token, add("a.bin", data)).status == 200
    oid = hashlib.sha256(data).hexdigest()
    line = {"key": "lfsFile", "value": {"path": "b.bin", "algo": "sha256", "oid": oid}}
    done = commit(hub, "lotte/copies", token, line)
    assert done.status == 200
    assert hub.wire.get("/spaces/lotte/copies/resolve/main/b.bin").body == data
    parent = done.headers["X-Repo-Commit"]
    again = commit(hub, "lotte/copies", token, line, parentCommit=parent)
    assert again.json()["commitOid"] == parent
    for value in (
        {"path": "c", "algo": "sha1", "oid": oid},
        {"path": "c", "algo": "sha256", "oid": oid, "size": 1},
        {"path": "c", "algo": "sha256", "oid": oid.upper()},
        {"path": "../c", "algo": "sha256", "oid": oid},
    ):
        refused = commit(hub, "lotte/copies", token, {"key": "lfsFile", "value": value})
        assert refused.status == 422


def test_what_a_preupload_says(hub: Hub) -> None:
    hub.space("lotte/modes")
    asked = {
        "files": [
            {"path": "small.bin", "size": 10 * MIB, "sample": ""},
            {"path": "big.txt", "size": 10 * MIB + 1, "sample": ""},
        ]
    }
    path = "/api/spaces/lotte/modes/preupload/main"
    shown = hub.wire.ask("POST", path, token=hub.token("lotte"), json_body=asked).json()["files"]
    assert [each["uploadMode"] for each in shown] == ["regular", "lfs"]


def test_a_deleted_space_holds_nothing(hub: Hub) -> None:
    space = hub.space("lotte/deleted")
    assert commit(hub, "lotte/deleted", hub.token("lotte"), add("a.bin", b"a" * 500)).status == 200
    with hub.context.ledger.write() as tx:
        assert large.used(tx, space.key) == 500
        spaces.mark_deleted(tx, space.key)
        spaces.purge(tx, space.key)
        assert large.used(tx, space.key) == 0


def test_a_builder_finds_the_content(hub: Hub, tmp_path: Path) -> None:
    """What apps start from: the store's own file, linked, never copied."""
    from gitserver.export import Exporter

    space = hub.space("lotte/built")
    data = b"b" * 5000
    assert commit(hub, "lotte/built", hub.token("lotte"), add("b.bin", data)).status == 200
    head = hub.context.content.resolve(space.key, "main")
    find = hub.context.large.files_of(space.key)
    report = Exporter(hub.context.repositories).export(space.key, head, tmp_path / "out", find)
    laid = tmp_path / "out" / "b.bin"
    assert not report.missing_pointers and laid.read_bytes() == data
    stored = hub.context.large.store.file(hashlib.sha256(data).hexdigest(), 5000)
    assert stored.stat().st_ino == laid.stat().st_ino and laid.stat().st_mode & 0o222 == 0


def test_gitlfs_with_the_agent_of_the_client(hub: Hub, tmp_path: Path) -> None:
    """`hf lfs-enable-largefiles`: git-lfs then sends large files in parts."""
    import sys

    hub.space("lars/agent")
    work = tmp_path / "work"
    url = f"http://lars:{hub.token('lars')}@localhost:{hub.port}/spaces/lars/agent"
    git("clone", "-q", url, work, cwd=tmp_path)
    hf = Path(sys.executable).with_name("hf")
    subprocess.run([hf, "lfs-enable-largefiles", work], check=True, capture_output=True)
    agent = "lfs.customtransfer.multipart.path"
    git("config", agent, hf, cwd=work)
    data = os.urandom(17 * MIB)
    (work / "large.bin").write_bytes(data)
    git("add", ".", cwd=work)
    git("commit", "-qm", "Large", cwd=work)
    os.environ["GIT_TRACE"] = "1"
    try:
        said = git("push", "origin", "HEAD:main", cwd=work)
    finally:
        del os.environ["GIT_TRACE"]
    assert "lfs-multipart-upload" in said
    assert hub.wire.get("/spaces/lars/agent/resolve/main/large.bin").body == data


def test_create_commit_of_many(hub: Hub) -> None:
    api = hub.api("lars")
    hub.space("lars/many")
    big = os.urandom(11 * MIB)
    api.create_commit(
        "lars/many",
        [
            CommitOperationAdd("big.bin", big),
            CommitOperationAdd("app.py", b"print()\n"),
            CommitOperationAdd("small.bin", b"small"),
        ],
        commit_message="All at once",
        repo_type="space",
    )
    for name, data in {"big.bin": big, "app.py": b"print()\n", "small.bin": b"small"}.items():
        assert hub.wire.get(f"/spaces/lars/many/resolve/main/{name}").body == data
