"""What changed between revisions, held against git itself, which also applies what is told."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.git import GitSettings, ReadLimits
from gitserver.compare import Change
from gitserver.content import Content, TooLarge
from gitserver.diff import as_text
from gitserver.differences import difference
from gitserver.edits import Edit, edits
from gitserver.repositories import Repositories
from tests.gitserver.writing import ANN, KEY, git

LINES = st.lists(st.sampled_from([b"a\n", b"b\n", b"c\n", b"\n", b"d"]), max_size=30)


@given(LINES, LINES)
def test_edits_lead_from_one_to_the_other(old: list[bytes], new: list[bytes]) -> None:
    found = edits(old, new)
    made, at = [], 0
    for edit in found:
        made += old[at : edit.old_start]
        assert len(made) == edit.new_start
        made += new[edit.new_start : edit.new_end]
        at = edit.old_end
    assert made + old[at:] == new
    assert (found == []) == (old == new)


def test_edits_are_the_fewest() -> None:
    def count(old: str, new: str) -> int:
        found = edits([bytes([byte]) for byte in old.encode()], [b.encode() for b in new])
        return sum(edit.old_end - edit.old_start + edit.new_end - edit.new_start for edit in found)

    assert count("abcabba", "cbabac") == 5  # the example of Myers' paper
    assert count("same", "same") == 0
    assert count("", "abc") == 3


def test_beyond_the_bound_everything_between_is_replaced() -> None:
    old = [b"head", *(b"%d" % n for n in range(3000)), b"tail"]
    new = [b"head", *(b"x%d" % n for n in range(3000)), b"tail"]
    assert edits(old, new) == [Edit(1, 3001, 1, 3001)]


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A clone to commit in; `repositories` serves where it pushes."""
    repositories = Repositories(tmp_path / "r", GitSettings())
    repositories.create(KEY, {"README.md": b"# x\n"}, ANN)
    git("clone", "-q", str(repositories.path(KEY)), str(tmp_path / "work"), cwd=tmp_path)
    return tmp_path / "work"


def committed(work: Path) -> str:
    git("add", "-A", cwd=work)
    git("commit", "-q", "--allow-empty", "-m", "change", cwd=work)
    git("push", "-q", "origin", "HEAD:main", cwd=work)
    return git("rev-parse", "HEAD", cwd=work)


def content_of(work: Path, **limits: float) -> Content:
    settings = GitSettings(read=ReadLimits(**limits))  # type: ignore[arg-type]
    return Content(Repositories(work.parent / "r", settings))


def two_revisions(work: Path) -> tuple[str, str]:
    lines = [f"line {n}\n" for n in range(60)]
    (work / "many.txt").write_text("".join(lines))
    (work / "moved.txt").write_text("the same\n")
    (work / "gone.txt").write_text("gone\n")
    (work / "noend.txt").write_text("first\nlast")
    (work / "tool.sh").write_text("#!/bin/sh\n")
    (work / "bin.dat").write_bytes(b"\0one")
    (work / "swap").write_text("a file\n")
    (work / "deep").mkdir()
    (work / "deep" / "empty").write_text("")
    old = committed(work)
    lines[3] = "changed\n"
    del lines[40:43]
    (work / "many.txt").write_text("".join([*lines, "more\n"]))
    (work / "moved.txt").rename(work / "deep" / "here now.txt")
    (work / "gone.txt").unlink()
    (work / "noend.txt").write_text("first\nlast\n")
    (work / "tool.sh").chmod(0o755)
    (work / "bin.dat").write_bytes(b"\0two")
    (work / "swap").unlink()
    (work / "swap").mkdir()
    (work / "swap" / "inside").write_text("now a folder\n")
    (work / 'umläut "q".txt').write_text("new\n")
    (work / "deep" / "empty").write_text("no more\n")
    (work / "link").symlink_to("many.txt")
    return old, committed(work)


def test_the_same_paths_as_git(work: Path) -> None:
    old, new = two_revisions(work)
    found = difference(content_of(work), KEY, old, new)
    assert found.complete
    ours = {(file.changed.change.value, os.fsencode(file.changed.path)) for file in found.files}
    told = subprocess.run(
        ["git", "diff", "--name-status", "-z", "--find-renames=100%", old, new],
        cwd=work,
        capture_output=True,
        check=True,
    ).stdout.split(b"\0")[:-1]
    theirs = set()
    while told:
        letter = told.pop(0)[:1].decode()
        path = told.pop(0)
        theirs.add((letter, told.pop(0) if letter == "R" else path))
    assert ours == theirs
    renamed = next(file for file in found.files if file.changed.change is Change.RENAMED)
    assert renamed.changed.old is not None and renamed.changed.old.path == "moved.txt"


def test_git_applies_what_is_told(work: Path) -> None:
    old, new = two_revisions(work)
    (work / "bin.dat").write_bytes(b"\0one")  # a binary difference is named, not carried
    new = committed(work)
    patch = as_text(difference(content_of(work), KEY, old, new).files)
    git("checkout", "-q", old, cwd=work)
    applied = subprocess.run(
        ["git", "apply", "--index"], cwd=work, input=patch, capture_output=True
    )
    assert applied.returncode == 0, applied.stderr
    assert git("write-tree", cwd=work) == git("rev-parse", f"{new}^{{tree}}", cwd=work)


def test_from_nothing_and_to_itself(work: Path) -> None:
    head = git("rev-parse", "HEAD", cwd=work)
    content = content_of(work)
    assert difference(content, KEY, head, head).files == ()
    (file,) = difference(content, KEY, None, head).files
    assert (file.changed.change, file.added, file.removed) == (Change.ADDED, 1, 0)


@pytest.mark.req("GIT-19")
def test_budgets(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = two_revisions(work)
    hurried = difference(content_of(work, seconds=1e-9), KEY, old, new)
    assert not hurried.complete
    assert all(file.hunks is None for file in hurried.files)
    monkeypatch.setattr("gitserver.differences.MOST_PATHS", 3)
    with pytest.raises(TooLarge):
        difference(content_of(work), KEY, old, new)
