"""A tree object as its entries."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from gitserver.objects.entry import BadObject

DIRECTORY = 0o040000
SYMLINK = 0o120000
GITLINK = 0o160000
FILE = 0o100644
EXECUTABLE = 0o100755


class Entry(NamedTuple):
    """One line of a tree. `mode` is as written; `name` are raw bytes."""

    mode: int
    name: bytes
    oid: bytes

    @property
    def is_tree(self) -> bool:
        return self.mode & 0o170000 == DIRECTORY

    @property
    def is_link(self) -> bool:
        return self.mode & 0o170000 == SYMLINK

    @property
    def is_submodule(self) -> bool:
        return self.mode & 0o170000 == GITLINK

    @property
    def is_executable(self) -> bool:
        return self.mode & 0o170000 == 0o100000 and bool(self.mode & 0o100)


def entries(data: bytes) -> Iterator[Entry]:
    """The entries in stored order. Raises `BadObject` where the bytes are no tree."""
    at, end = 0, len(data)
    while at < end:
        space = data.find(b" ", at, at + 12)
        nul = data.find(b"\0", space) if space > 0 else -1
        if nul < 0 or nul + 21 > end:
            raise BadObject("a tree's entry is cut off")
        try:
            mode = int(data[at:space], 8)
        except ValueError:
            raise BadObject("a tree's entry has no octal mode") from None
        yield Entry(mode, data[space + 1 : nul], data[nul + 1 : nul + 21])
        at = nul + 21
