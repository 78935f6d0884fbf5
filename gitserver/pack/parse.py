"""The parts of commits, trees and tags that a walk needs, taken from raw bytes.

No object classes: walking 42,000 objects with them takes four times as long.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from gitserver.pack.file import KINDS

_ENTRY = re.compile(rb"([0-7]+) ([^\0]+)\0(.{20})", re.DOTALL)

TREE_MODES = frozenset((b"40000", b"040000"))
LINK_MODE = b"160000"
"""A submodule: its id names a commit of another repository, never one of ours."""


class Malformed(Exception):
    """Raised for an object whose header cannot be read."""


class Commit(NamedTuple):
    """What a walk needs of a commit: raw ids, committer time in seconds."""

    tree: bytes
    parents: tuple[bytes, ...]
    time: int


def parse_commit(data: bytes) -> Commit:
    """Raises `Malformed`."""
    try:
        if not data.startswith(b"tree "):
            raise ValueError
        tree = bytes.fromhex(data[5:45].decode("ascii"))
        parents = []
        at = 46
        while data.startswith(b"parent ", at):
            parents.append(bytes.fromhex(data[at + 7 : at + 47].decode("ascii")))
            at += 48
        return Commit(tree, tuple(parents), _committer_time(data, at))
    except ValueError as error:
        raise Malformed("a commit cannot be read") from error


def _committer_time(data: bytes, at: int) -> int:
    """As git does it: a time that cannot be read is 0."""
    start = data.find(b"\ncommitter ", at - 1)
    end = data.find(b"\n", start + 1)
    line = data[start:end]
    digits = line[line.rfind(b">") + 1 :].split()
    return int(digits[0]) if digits and digits[0].isdigit() and len(digits[0]) < 20 else 0


def tree_entries(data: bytes) -> list[tuple[bytes, bytes, bytes]]:
    """(mode, name, id) of each entry, in order."""
    return _ENTRY.findall(data)


def parse_tag(data: bytes) -> tuple[bytes, int]:
    """Id and kind of what an annotated tag points at. Raises `Malformed`."""
    try:
        first, second = data.split(b"\n", 2)[:2]
        if not first.startswith(b"object ") or not second.startswith(b"type "):
            raise ValueError
        return bytes.fromhex(first[7:47].decode("ascii")), KINDS[second[5:]]
    except (ValueError, KeyError) as error:
        raise Malformed("a tag cannot be read") from error
