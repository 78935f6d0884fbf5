"""The last commit of each path, held against plain git's own answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.git import GitSettings, ReadLimits
from gitserver.content import Content
from gitserver.repositories import Repositories
from tests.gitserver.writing import ANN, KEY, git


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A history with folders that come and go, a merge, and clocks that go backwards."""
    repositories = Repositories(tmp_path / "r", GitSettings())
    repositories.create(KEY, {"README.md": b"x\n", "d/kept": b"kept"}, ANN)
    work = tmp_path / "work"
    git("clone", "-q", str(repositories.path(KEY)), str(work), cwd=tmp_path)
    for number, (path, text) in enumerate(
        (("d/a", "1"), ("d/e/f", "1"), ("d/a", "2"), ("g", "now a file"), ("odd \xfc\n", "1"))
    ):
        commit(work, path, text, 1_700_000_100 - number * 7)
    git("checkout", "-q", "-b", "side", "HEAD~2", cwd=work)
    commit(work, "d/side", "1", 1_700_000_500)
    commit(work, "both", "same", 1_700_000_501)
    git("checkout", "-q", "main", cwd=work)
    commit(work, "both", "same", 1_700_000_300)
    git("merge", "-q", "-m", "merged", "side", cwd=work)
    git("rm", "-q", "g", cwd=work)
    commit(work, "g/inner", "now a folder", 1_700_000_400)
    git("push", "-q", str(repositories.path(KEY)), "HEAD:refs/heads/all", cwd=work)
    return work


def commit(work: Path, path: str, text: str, at: int) -> None:
    file = work / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    git("add", ".", cwd=work)
    date = f"{at} +0000"
    git("commit", "-q", "-m", path, cwd=work, GIT_COMMITTER_DATE=date, GIT_AUTHOR_DATE=date)


def test_it_is_what_git_says(work: Path) -> None:
    content = Content(Repositories(work.parent / "r", GitSettings()))
    revision = content.resolve(KEY, "all")
    paths = [entry.path for entry in content.tree(KEY, revision, "", recursive=True)]
    assert {"d/kept", "d/e", "d/side", "both", "g/inner", "odd \xfc\n"} <= set(paths)
    found = content.last_commits(KEY, revision, paths)
    said = {
        path: git("log", "-1", "--format=%H", revision, "--", f":(literal){path}", cwd=work)
        for path in paths
    }
    assert {path: commit.oid for path, commit in found.items()} == said


def test_what_takes_too_long_is_left_out(work: Path) -> None:
    hasty = GitSettings(read=ReadLimits(seconds=1e-9))
    content = Content(Repositories(work.parent / "r", hasty))
    assert content.last_commits(KEY, content.resolve(KEY, "all"), ["d/a", "README.md"]) == {}
