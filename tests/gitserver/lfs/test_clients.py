"""The stock git-lfs: push, clone, fetch, locks, and what it says when something is wrong."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.gitserver.lfs.world import git
from tests.hub.conftest import Hub


def remote(hub: Hub, space: str, name: str) -> str:
    return f"http://{name}:{hub.token(name)}@localhost:{hub.port}/spaces/{space}"


def clone(hub: Hub, space: str, name: str, folder: Path) -> Path:
    git("clone", "-q", remote(hub, space, name), folder, cwd=folder.parent)
    git("lfs", "install", "--local", cwd=folder)
    return folder


@pytest.fixture
def work(hub: Hub, tmp_path: Path) -> Path:
    hub.space("lena/big")
    return clone(hub, "lena/big", "lena", tmp_path / "work")


def test_push_clone_checkout(hub: Hub, work: Path, tmp_path: Path) -> None:
    git("lfs", "track", "*.bin", cwd=work)
    files = {f"{n}.bin": os.urandom(1000 + n) for n in range(12)}
    files |= {"large.bin": os.urandom(7 << 20), "empty.bin": b""}
    for name, data in files.items():
        (work / name).write_bytes(data)
    git("add", ".", cwd=work)
    git("commit", "-qm", "Large files", cwd=work)
    git("push", "-q", "origin", "HEAD:main", cwd=work)
    other = clone(hub, "lena/big", "lena", tmp_path / "other")
    for name, data in files.items():
        assert (other / name).read_bytes() == data
    assert "Git LFS fsck OK" in git("lfs", "fsck", cwd=other)
    anonymous = tmp_path / "anonymous"
    git("clone", "-q", f"{hub.url}/spaces/lena/big.git", anonymous, cwd=tmp_path)
    assert (anonymous / "large.bin").read_bytes() == files["large.bin"]
