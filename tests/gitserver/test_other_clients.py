"""Clients that are not git: their requests look different, and work (GIT-37)."""

from __future__ import annotations

from pathlib import Path

import pytest
from dulwich import porcelain
from dulwich.repo import Repo

from tests.gitserver.writing import Server, commit, fsck, git


@pytest.mark.req("GIT-37")
def test_dulwich_clones_fetches_and_pushes(server: Server, work: Path, tmp_path: Path) -> None:
    """dulwich speaks v0 and v2 in words of its own."""
    copy = tmp_path / "copy"
    with porcelain.clone(server.url, str(copy)) as repo:
        assert repo.head().decode() == server.head
    new = commit(work, {"a.txt": "a\n" * 500})
    git("push", "-q", "origin", "HEAD:main", "HEAD:refs/heads/side", cwd=work)
    with Repo(str(copy)) as repo:
        fetched = porcelain.fetch(repo, server.url)
        assert fetched.refs[b"refs/heads/side"].decode() == new
        repo.refs[b"refs/heads/main"] = new.encode()
        porcelain.reset(repo, "hard")
        (copy / "b.txt").write_text("b\n")
        porcelain.add(repo, [str(copy / "b.txt")])
        who = b"Ann <ann@example.org>"
        made = porcelain.commit(repo, message=b"from dulwich", author=who, committer=who)
        porcelain.push(repo, server.url, "HEAD:refs/heads/from-dulwich")
    assert server.refs()["refs/heads/from-dulwich"] == made.decode()
    assert fsck(server.repository) == ""


@pytest.mark.req("GIT-37")
def test_dulwich_clones_a_part(server: Server, work: Path, tmp_path: Path) -> None:
    for number in range(5):
        commit(work, {"a.txt": str(number)})
    git("push", "-q", "origin", "HEAD:main", cwd=work)
    with porcelain.clone(server.url, str(tmp_path / "shallow"), depth=2) as repo:
        assert sum(1 for _ in repo.get_walker()) == 2
