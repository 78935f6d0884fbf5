"""git's commit-graph file, read where there is one (gitformat-commit-graph(5)).

With it a walk over commits reads 36 bytes each instead of inflating them. The file only ever names
commits by what they are, so an old one is as true as a new one.
"""

from __future__ import annotations

import mmap
import struct
from pathlib import Path

from gitserver.pack.parse import Commit

_NONE = 0x70000000
_EXTRA = 0x80000000


class CommitGraph:
    """One commit-graph file; chains of split files are not read."""

    def __init__(self, data: mmap.mmap) -> None:
        self._data = data
        chunks = _chunks(data)
        fan = chunks[b"OIDF"]
        self._fan: tuple[int, ...] = struct.unpack(">256L", data[fan : fan + 1024])
        self._names = chunks[b"OIDL"]
        self._commits = chunks[b"CDAT"]
        self._edges = chunks.get(b"EDGE", 0)
        self.count: int = self._fan[255]
        if self._commits + 36 * self.count > len(data):
            raise ValueError("the commit-graph is cut short")

    @classmethod
    def load(cls, objects: Path) -> CommitGraph | None:
        """The graph of an objects folder, or None when there is none that can be read."""
        try:
            with (objects / "info" / "commit-graph").open("rb") as file:
                return cls(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        except (OSError, ValueError, KeyError, struct.error):
            return None

    def commit(self, oid: bytes) -> Commit | None:
        """The commit, or None when the graph does not know it."""
        rank = self._find(oid)
        if rank is None:
            return None
        at = self._commits + 36 * rank
        tree = self._data[at : at + 20]
        first, second, high, low = struct.unpack(">4L", self._data[at + 20 : at + 36])
        parents = tuple(self._name(rank) for rank in self._parents(first, second))
        return Commit(tree, parents, ((high & 3) << 32) | low)

    def _parents(self, first: int, second: int) -> list[int]:
        if first == _NONE:
            return []
        if second == _NONE:
            return [first]
        if not second & _EXTRA:
            return [first, second]
        ranks = [first]
        at = self._edges + 4 * (second & 0x7FFFFFFF)
        while True:
            value = int.from_bytes(self._data[at : at + 4], "big")
            ranks.append(value & 0x7FFFFFFF)
            if value & _EXTRA or at + 4 >= len(self._data):
                return ranks
            at += 4

    def _name(self, rank: int) -> bytes:
        at = self._names + 20 * rank
        return self._data[at : at + 20]

    def _find(self, oid: bytes) -> int | None:
        low = self._fan[oid[0] - 1] if oid[0] else 0
        high = self._fan[oid[0]]
        while low < high:
            middle = (low + high) >> 1
            name = self._name(middle)
            if name == oid:
                return middle
            if name < oid:
                low = middle + 1
            else:
                high = middle
        return None


def _chunks(data: mmap.mmap) -> dict[bytes, int]:
    """Where each chunk starts. Raises `ValueError` for a file that we do not read."""
    magic, version, hash_version, count, bases = struct.unpack(">4s4B", data[:8])
    if magic != b"CGPH" or version != 1 or hash_version != 1 or bases:
        raise ValueError("not a commit-graph that we read")
    chunks = {}
    for at in range(8, 8 + 12 * count, 12):
        name, offset = struct.unpack(">4sQ", data[at : at + 12])
        chunks[name] = offset
    return chunks
