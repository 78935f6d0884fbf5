"""Merging two revisions: what git would make of them, or the files that stand in the way."""

from __future__ import annotations

import random
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from gitserver.building import NewObjects
from gitserver.durable import write_synced
from gitserver.merge_lines import merge_text
from gitserver.merging import Merged, merge
from gitserver.objects.parting import TooFar, merge_base, since
from gitserver.objects.store import Objects

Files = Mapping[str, str | None]
TEN = "".join(f"line {number}\n" for number in range(10))


def git(folder: Path, *words: str, check: bool = True) -> str:
    identity = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")
    ran = subprocess.run(
        ["git", *identity, *words], cwd=folder, capture_output=True, text=True, timeout=60
    )
    assert not check or ran.returncode == 0, ran.stderr + ran.stdout
    return ran.stdout.strip()


def commit(work: Path, files: Files, message: str = "change") -> str:
    for path, text in files.items():
        target = work / path
        if text is None:
            target.unlink()
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
    git(work, "add", "-A")
    git(work, "commit", "-q", "--allow-empty", "-m", message)
    return git(work, "rev-parse", "HEAD")


@pytest.fixture
def work(tmp_path: Path) -> Path:
    git(tmp_path, "init", "-q", "-b", "main", "work")
    return tmp_path / "work"


def parted(work: Path, base: Files, ours: Files, theirs: Files) -> tuple[str, str]:
    """Two revisions with one behind them; the work tree is at the first."""
    start = commit(work, base, "base")
    git(work, "checkout", "-q", "-b", "theirs")
    other = commit(work, theirs, "theirs")
    git(work, "checkout", "-q", "-b", "ours", start)
    return commit(work, ours, "ours"), other


def merged(work: Path, ours: str, theirs: str) -> Merged:
    """The merge, its objects added to the repository."""
    new = NewObjects()
    with Objects(work / ".git/objects") as objects:
        found = merge(objects, new, ours, theirs, time.monotonic() + 10)
    if found.tree is not None and len(new):
        new.write_pack(work / ".git/objects/pack")
    return found


CLEAN: dict[str, tuple[Files, Files, Files]] = {
    "different files": ({"a": "1\n", "b": "1\n"}, {"a": "2\n"}, {"b": "2\n"}),
    "files in folders": (
        {"d/a": "1\n", "d/e/b": "1\n"},
        {"d/a": "2\n", "d/new": "x"},
        {"d/e/b": "2\n", "f/g/h": "y"},
    ),
    "different lines": (
        {"a": TEN},
        {"a": TEN.replace("line 1\n", "LINE 1\n")},
        {"a": TEN.replace("line 8\n", "").replace("line 5\n", "line 5\nmore\n")},
    ),
    "the same change": ({"a": TEN}, {"a": "new\n"}, {"a": "new\n"}),
    "removed by one, kept by the other": ({"a": "1", "b": "1"}, {"a": None}, {"b": "2"}),
    "a whole folder removed": ({"d/a": "1", "d/b": "1", "x": ""}, {"d/a": None, "d/b": None}, {}),
    "no end of the last line": ({"a": "1\n2\n3\n4"}, {"a": "0\n2\n3\n4"}, {"a": "1\n2\n3\n5"}),
    "names that sort as folders do": ({"a.b": "1", "a/c": "1"}, {"a-": "2"}, {"a/c": "2"}),
}


@pytest.mark.parametrize("name", CLEAN)
def test_it_makes_what_git_makes(work: Path, name: str) -> None:
    ours, theirs = parted(work, *CLEAN[name])
    found = merged(work, ours, theirs)
    git(work, "merge", "-q", "--no-ff", "-m", "merge", theirs)
    assert found.conflicts == ()
    assert found.tree == git(work, "rev-parse", "HEAD^{tree}")
    assert found.base == git(work, "merge-base", ours, theirs)


CONFLICTS: dict[str, tuple[Files, Files, Files, tuple[str, ...]]] = {
    "the same line": ({"a": TEN}, {"a": "x" + TEN}, {"a": "y" + TEN}, ("a",)),
    "touching lines": (
        {"a": TEN},
        {"a": TEN.replace("line 3", "x")},
        {"a": TEN.replace("line 4", "y")},
        ("a",),
    ),
    "removed and changed": ({"d/a": "1", "b": ""}, {"d/a": None}, {"d/a": "2"}, ("d/a",)),
    "both new": ({"x": ""}, {"a": "1"}, {"a": "2"}, ("a",)),
    "a file and a folder": ({"x": ""}, {"a": "1"}, {"a/b": "2"}, ("a",)),
    "binary": ({"a": "\0" + TEN}, {"a": "\0x" + TEN}, {"a": "\0" + TEN + "y"}, ("a",)),
    "several": (
        {"a": "1", "b": "1", "c": "1"},
        {"a": "2", "b": "2", "c": "2"},
        {"a": "3", "b": "3"},
        ("a", "b"),
    ),
}


@pytest.mark.parametrize("name", CONFLICTS)
def test_it_names_the_files_that_are_in_the_way(work: Path, name: str) -> None:
    *files, expected = CONFLICTS[name]
    ours, theirs = parted(work, *files)  # type: ignore[arg-type]
    found = merged(work, ours, theirs)
    assert (found.tree, found.conflicts) == (None, expected)


def test_pointers_of_large_files_are_never_mixed(work: Path) -> None:
    def pointer(digit: str, size: int) -> str:
        head = "version https://git-lfs.github.com/spec/v1\n"
        return f"{head}oid sha256:{digit * 64}\nsize {size}\n"

    base, ours, theirs = pointer("a", 1), pointer("b", 1), pointer("a", 2)
    found = merged(work, *parted(work, {"m": base}, {"m": ours}, {"m": theirs}))
    assert found.conflicts == ("m",)


def test_modes_and_links(work: Path) -> None:
    start = commit(work, {"run": TEN, "other": "1\n"})
    git(work, "checkout", "-q", "-b", "theirs")
    git(work, "update-index", "--chmod=+x", "run")
    git(work, "commit", "-q", "-m", "executable")
    theirs = git(work, "rev-parse", "HEAD")
    git(work, "checkout", "-q", "-f", "-b", "ours", start)
    ours = commit(work, {"run": TEN + "more\n"})
    found = merged(work, ours, theirs)
    assert git(work, "ls-tree", found.tree or "", "run").startswith("100755 blob")
    assert git(work, "show", f"{found.tree}:run").endswith("more")
    (work / "link").symlink_to("a")
    one = commit(work, {})
    git(work, "checkout", "-q", "-b", "more", start)
    (work / "link").symlink_to("b")
    assert merged(work, one, commit(work, {})).conflicts == ("link",)


def test_what_is_in_already_and_what_never_met(work: Path) -> None:
    first = commit(work, {"a": "1"})
    second = commit(work, {"a": "2"})
    assert merged(work, second, first).nothing
    assert merged(work, second, second).nothing
    forward = merged(work, first, second)
    assert (forward.nothing, forward.base) == (False, first)
    assert forward.tree == git(work, "rev-parse", f"{second}^{{tree}}")
    git(work, "checkout", "-q", "--orphan", "apart")
    alone = commit(work, {"a": "3"})
    strange = merged(work, second, alone)
    assert (strange.base, strange.conflicts) == (None, ("a",))


def test_time_that_is_over_is_told(work: Path) -> None:
    ours, theirs = parted(work, {"a": "1"}, {"a": "2"}, {"b": "1"})
    with Objects(work / ".git/objects") as objects, pytest.raises(TooFar):
        merge(objects, NewObjects(), ours, theirs, time.monotonic() - 1)


def test_bases_and_what_is_new_agree_with_git_on_any_history(work: Path) -> None:
    """Histories with merges, and commits of the same second."""
    dice = random.Random(7)
    heads = [commit(work, {"a": "0"})]
    for number in range(60):
        git(work, "checkout", "-q", "--detach", dice.choice(heads[-6:]))
        if dice.random() < 0.4:
            git(work, "merge", "-q", "--no-ff", "-s", "ours", "-m", "m", dice.choice(heads[-8:]))
        else:
            git(work, "commit", "-q", "--allow-empty", "-m", f"{number}")
        heads.append(git(work, "rev-parse", "HEAD"))
    with Objects(work / ".git/objects") as objects:
        for _ in range(60):
            one, other = dice.sample(heads, 2)
            until = time.monotonic() + 10
            found = merge_base(objects, bytes.fromhex(one), bytes.fromhex(other), until)
            bases = git(work, "merge-base", "--all", one, other).split()
            assert found is not None and found.hex() in bases
            new = since(objects, bytes.fromhex(one), [bytes.fromhex(other)], until)
            assert {each.oid for each in new} == set(
                git(work, "rev-list", one, f"^{other}").split()
            )


def test_lines_of_three_texts_against_git(work: Path, tmp_path: Path) -> None:
    """Where we merge, git merges to the same; where git finds a conflict, so do we."""
    dice = random.Random(11)

    def changed(lines: list[str]) -> list[str]:
        found = list(lines)
        for _ in range(dice.randint(0, 3)):
            at = dice.randrange(len(found) + 1)
            if dice.random() < 0.5:
                found[at:at] = [f"new {dice.randrange(4)}\n"]
            else:
                found[at : at + dice.randint(1, 2)] = []
        return found

    both = 0
    for _ in range(120):
        base = [f"{dice.randrange(6)}\n" for _ in range(14)]
        texts = ["".join(each).encode() for each in (changed(base), base, changed(base))]
        for name, text in zip(("ours", "base", "theirs"), texts, strict=True):
            write_synced(tmp_path / name, text)
        ran = subprocess.run(
            ["git", "merge-file", "-p", "ours", "base", "theirs"],
            cwd=tmp_path, capture_output=True,
        )  # fmt: skip
        found = merge_text(texts[1], texts[0], texts[2])
        if found is not None and ran.returncode == 0:
            both += found == ran.stdout
        for name in ("ours", "base", "theirs"):
            (tmp_path / name).unlink()
    assert both > 40
