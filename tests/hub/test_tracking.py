"""Rules that give a large file to git-lfs: git itself is asked whether they do."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from gitserver.lfs.attributes import Attributes
from hub.api.tracking import rule_for, with_rules

NAMES = [
    "plain.txt",
    "a/b/deep file.log",
    "#hash",
    "!bang",
    '"quoted".csv',
    "back\\slash",
    "st*r?.txt",
    "[class].txt",
    " leading and trailing ",
    "tab\there",
    "grüße/日本.txt",
    "-dash",
]


def asked(folder: Path, data: bytes, path: str) -> bool:
    """What git says."""
    (folder / ".gitattributes").write_bytes(data)
    said = subprocess.run(
        ["git", "check-attr", "-z", "filter", "--", path],
        cwd=folder,
        check=True,
        capture_output=True,
    ).stdout
    return said.split(b"\0")[2] == b"lfs"


def rules(data: bytes) -> Attributes:
    return Attributes(lambda path: data if path == ".gitattributes" else None)


@pytest.mark.parametrize("name", NAMES)
def test_git_and_we_read_the_rule_alike(tmp_path: Path, name: str) -> None:
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    before = b"*.bin filter=lfs diff=lfs merge=lfs -text"  # no newline at the end
    after = with_rules(before, rules(before), [name, name])
    assert after is not None and after.startswith(before + b"\n") and after.count(b"\n") == 2
    assert asked(tmp_path, after, name) and rules(after).is_large(name)
    assert not asked(tmp_path, after, f"other/{name}") and not asked(tmp_path, after, "other.txt")
    assert with_rules(after, rules(after), [name]) is None  # once is enough


def test_what_needs_no_rule_and_what_gets_none() -> None:
    known = b"*.bin filter=lfs\n"
    assert with_rules(known, rules(known), ["a.bin", "b/c.bin"]) is None
    against = b"*.txt -filter\n" + rule_for("a.txt").encode() + b"\n*.txt -filter\n"
    assert with_rules(against, rules(against), ["a.txt"]) is None  # it is there, and loses
    assert with_rules(b"x" * 65_530, rules(b""), ["a.txt"]) is None
    assert with_rules(b"", rules(b""), [f"{number}.txt" for number in range(1001)]) is None
