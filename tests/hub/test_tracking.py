"""Rules that give a large file to git-lfs: git itself is asked whether they do."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from gitserver.lfs.attributes import Attributes
from hub.api.tracking import missing_rules

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
    missing = missing_rules(rules(b"*.bin filter=lfs\n"), [name, name, "a.bin"])
    assert missing is not None and len(missing.lines) == 1
    data = missing.lines[0] + b"\n"
    assert asked(tmp_path, data, name) and rules(data).is_large(name)
    assert not asked(tmp_path, data, f"other/{name}") and not asked(tmp_path, data, "other.txt")
    assert missing_rules(rules(data), [name]) is None
