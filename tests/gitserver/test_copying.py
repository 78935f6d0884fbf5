"""A repository made from another one: what follows, what does not, and kill -9 on the way."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from config.git import GitSettings
from gitserver.locks import hold_folder
from gitserver.pointer import Pointer
from gitserver.repositories import Repositories
from gitserver.upkeep import maintain
from spaceport.errors import Conflict, NotFound, Unavailable
from tests.gitserver.writing import ANN, KEY, fsck

COPY = "b" * 24
POINTER, TAKEN_BACK = Pointer("1" * 64, 12), Pointer("2" * 64, 12)


def git(*words: str | Path) -> str:
    identity = ("-c", "user.name=Ann", "-c", "user.email=ann@example.org")
    ran = subprocess.run(["git", *identity, *words], capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.strip()


@pytest.fixture
def repositories(tmp_path: Path) -> Repositories:
    """One repository with branches, a tag, a pull request, and history that was taken back."""
    found = Repositories(tmp_path / "repositories", GitSettings(lock_wait=0.2))
    found.create(KEY, {"README.md": b"one\n"}, ANN)
    bare, work = found.path(KEY), tmp_path / "work"
    git("clone", "-q", f"file://{bare}", work)
    for name, content in (("kept", POINTER.text()), ("leak", TAKEN_BACK.text())):
        (work / name).write_bytes(content)
        git("-C", work, "add", "-A")
        git("-C", work, "commit", "-q", "-m", name)
        git("-C", work, "push", "-q", "origin", "HEAD:refs/heads/main")
    git("-C", work, "tag", "-a", "-m", "the first", "v1", "HEAD~1")
    git("-C", work, "push", "-q", "origin", "v1", "HEAD~1:refs/heads/other", "HEAD:refs/pr/1")
    git("-C", work, "push", "-q", "-f", "origin", "HEAD~1:refs/heads/main")
    return found


def test_branches_and_tags_follow_with_what_they_reach_and_nothing_else(
    repositories: Repositories,
) -> None:
    source, leak = repositories.path(KEY), repositories.head(KEY, "refs/pr/1")
    assert leak is not None
    assert repositories.create_from(COPY, KEY) == {POINTER.oid}
    copy = repositories.path(COPY)
    assert fsck(copy) == ""
    shown = ["for-each-ref", "--format=%(refname) %(objectname)"]
    wanted = [line for line in git("-C", source, *shown).splitlines() if "refs/pr" not in line]
    assert git("-C", copy, *shown).splitlines() == wanted
    assert len(wanted) == 3
    assert git("-C", copy, "log", "--format=%s", "main").splitlines() == ["kept", "initial commit"]
    assert git("-C", source, "cat-file", "-t", leak) == "commit"
    assert leak not in git("-C", copy, "cat-file", "--batch-check", "--batch-all-objects")


def test_packs_are_shared_where_that_is_safe_and_never_a_file_that_is_written(
    repositories: Repositories, tmp_path: Path
) -> None:
    repositories.create_from(COPY, KEY)
    ours, theirs = repositories.path(KEY), repositories.path(COPY)
    inodes = {path.stat().st_ino: path for path in ours.rglob("*") if path.is_file()}
    shared = [path for path in theirs.rglob("*") if path.stat().st_ino in inodes]
    assert {path.suffix for path in shared} == {".pack", ".idx"}
    assert not [path for path in shared if path.stat().st_mode & 0o222]
    before = repositories.refs(COPY)
    work = tmp_path / "work"
    (work / "more").write_text("more")
    git("-C", work, "add", "-A")
    git("-C", work, "commit", "-q", "-m", "more")
    git("-C", work, "push", "-q", "-f", "origin", "HEAD:refs/heads/main")
    maintain(ours, repositories.root / "incoming", grace=0, full=True)
    assert repositories.refs(COPY) == before
    assert fsck(theirs) == ""
    repositories.delete(KEY)
    assert fsck(theirs) == ""


def test_an_empty_source_a_missing_one_and_a_key_that_is_taken(repositories: Repositories) -> None:
    with pytest.raises(Conflict):
        repositories.create_from(KEY, KEY)
    with pytest.raises(NotFound):
        repositories.create_from(COPY, "c" * 24)
    git("-C", repositories.path(KEY), "update-ref", "-d", "refs/heads/main")
    git("-C", repositories.path(KEY), "update-ref", "-d", "refs/heads/other")
    git("-C", repositories.path(KEY), "update-ref", "-d", "refs/tags/v1")
    repositories.create_from(COPY, KEY)
    assert repositories.refs(COPY).ids == {}
    assert list((repositories.root / "new").iterdir()) == []


def test_maintenance_that_runs_is_waited_for_and_then_said(repositories: Repositories) -> None:
    mark = hold_folder(repositories.path(KEY) / "objects" / "pack")
    assert mark is not None
    try:
        with pytest.raises(Unavailable, match="tidied"):
            repositories.create_from(COPY, KEY)
    finally:
        os.close(mark)
    assert not repositories.exists(COPY)
    repositories.create_from(COPY, KEY)


def test_a_damaged_source_makes_no_copy(repositories: Repositories) -> None:
    packs = repositories.path(KEY) / "objects" / "pack"
    first = min(packs.glob("*.idx"), key=lambda path: path.stat().st_mtime_ns)
    first.unlink()
    with pytest.raises(Unavailable, match="damaged"):
        repositories.create_from(COPY, KEY)
    assert not repositories.exists(COPY)
    assert list((repositories.root / "new").iterdir()) == []


CRASHING = """
import sys
from pathlib import Path
from config.git import GitSettings
from gitserver.repositories import Repositories
Repositories(Path(sys.argv[1]), GitSettings()).create_from(sys.argv[2], sys.argv[3])
"""


@pytest.mark.req("DUR-07")
@pytest.mark.parametrize(
    ("point", "there"),
    [("copy:before-refs", False), ("create:before-rename", False), ("create:after-rename", True)],
)
def test_killed_on_the_way_it_is_there_whole_or_not_at_all(
    repositories: Repositories, point: str, there: bool
) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", CRASHING, str(repositories.root), COPY, KEY],
        env={**os.environ, "SPACEPORT_FAILPOINTS": f"{point}=exit"},
        capture_output=True,
        timeout=60,
    )
    assert ran.returncode != 0
    repositories.sweep()
    assert list((repositories.root / "new").iterdir()) == []
    assert repositories.exists(COPY) is there
    if there:
        assert fsck(repositories.path(COPY)) == ""
