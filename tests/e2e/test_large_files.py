"""A large file from git-lfs into a running app: pushed, laid out, served."""

from __future__ import annotations

import os
import shutil

import pytest

from tests.e2e.server import Server, git

SPACE = "ada/large-files"


@pytest.mark.engine
@pytest.mark.skipif(shutil.which("git-lfs") is None, reason="git-lfs is not installed")
def test_an_app_has_what_git_lfs_pushed(spaceport: Server) -> None:
    spaceport.user("ada")
    spaceport.create_space(SPACE, "static")
    clone = spaceport.folder / "large-files"
    git("clone", spaceport.remote(SPACE), str(clone), cwd=spaceport.folder)
    git("lfs", "install", "--local", cwd=clone)
    data = os.urandom(11 << 20)
    (clone / "model.bin").write_bytes(data)
    (clone / "index.html").write_text("<h1>A model</h1>")
    git("add", ".", cwd=clone)
    git("commit", "-m", "A model", cwd=clone)
    git("push", "origin", "HEAD:main", cwd=clone)
    spaceport.reaches(SPACE, "RUNNING")
    assert spaceport.visit(SPACE, "/model.bin").body == data
    path = f"/spaces/{SPACE}/resolve/main/model.bin"
    assert spaceport.get(path).body == data
    assert "Removed 0 large objects" in spaceport.cli("gc")
    assert "each is what its name says" in spaceport.cli("doctor", "--objects", check=False)
    spaceport.delete_space(SPACE)
