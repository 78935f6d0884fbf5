"""git-lfs is told in plain words that this version does not store its objects."""

from __future__ import annotations

import shutil

import pytest

from tests.e2e.server import Server, git

SPACE = "ada/large-files"


@pytest.mark.engine
@pytest.mark.skipif(shutil.which("git-lfs") is None, reason="git-lfs is not installed")
def test_the_pusher_reads_why_and_what_to_do(spaceport: Server) -> None:
    spaceport.user("ada")
    spaceport.create_space(SPACE, "static")
    clone = spaceport.folder / "large-files"
    git("clone", spaceport.remote(SPACE), str(clone), cwd=spaceport.folder)
    git("lfs", "install", "--local", cwd=clone)
    (clone / "model.bin").write_bytes(bytes(1000))
    git("add", "model.bin", cwd=clone)
    git("commit", "-m", "A model", cwd=clone)
    pushed = git("push", "origin", "HEAD:main", cwd=clone, check=False)
    assert pushed.returncode != 0
    assert "does not store git-lfs objects yet" in pushed.stdout + pushed.stderr
    spaceport.delete_space(SPACE)
