"""Checks of tree objects (git-fsck(1), GIT-09, GIT-10, GIT-13).

A push of many commits holds the same entries again and again in the versions of a folder: each
distinct entry is looked at once, and only their order and their number in every tree.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import NamedTuple

from gitserver.objects.entry import BadObject
from gitserver.objects.trees import DIRECTORY, GITLINK, SYMLINK, Entry, entries
from gitserver.receive.fsck.headers import Problem
from gitserver.receive.fsck.names import forbidden_name, is_gitmodules

_MODES = frozenset((0o100644, 0o100755, 0o100664, SYMLINK, DIRECTORY, GITLINK))
_NULL = bytes(20)
_MOST_KNOWN = 500_000


class Line(NamedTuple):
    """An entry by what trees are sorted by; `child` is the id of a folder, else empty."""

    key: bytes
    child: bytes


class TreeChecker:
    """Checks the trees of one push. `on_entry` is told of each distinct entry."""

    def __init__(self, on_entry: Callable[[Entry], None]) -> None:
        self._on_entry = on_entry
        self._known: dict[bytes, Line] = {}

    def check(self, data: bytes) -> tuple[list[Line], list[Problem]]:
        """The entries, and everything that is wrong with them."""
        lines: list[Line] = []
        problems: list[Problem] = []
        known, at, end = self._known, 0, len(data)
        try:
            while at < end:
                stop = data.find(b"\0", at) + 21
                if stop < 21 or stop > end:
                    raise BadObject("a tree's entry is cut off")
                raw = data[at:stop]
                line = known.get(raw)
                lines.append(self._look(raw, problems) if line is None else line)
                at = stop
        except BadObject as error:
            return lines, [*problems, ("badTree", str(error))]
        problems.extend(_check_order(lines))
        return lines, problems

    def _look(self, raw: bytes, problems: list[Problem]) -> Line:
        (entry,) = entries(raw)
        found = list(_check_entry(raw, entry))
        line = Line(
            entry.name + b"/" if entry.is_tree else entry.name,
            entry.oid if entry.is_tree else b"",
        )
        if found:
            problems.extend(found)
        self._on_entry(entry)  # what is wrong may be told to pass, and must be there all the same
        if found:
            return line
        if len(self._known) < _MOST_KNOWN:
            self._known[raw] = line
        return line


def _check_entry(raw: bytes, entry: Entry) -> Iterator[Problem]:
    if raw.startswith(b"0"):
        yield "zeroPaddedFilemode", "contains zero-padded file modes"
    forbidden = forbidden_name(entry.name)
    if forbidden is not None:
        yield forbidden, f"contains the name {_shown(entry.name)}"
    if entry.oid == _NULL:
        yield "nullSha1", f"contains an entry that points to null: {_shown(entry.name)}"
    if entry.mode not in _MODES:
        yield "badFilemode", f"mode {entry.mode:o} of {_shown(entry.name)}"
    if entry.is_link and is_gitmodules(entry.name):
        yield "gitmodulesSymlink", ".gitmodules is a symbolic link"


def _check_order(lines: list[Line]) -> Iterator[Problem]:
    keys = [line.key for line in lines]
    for before, key in pairwise(keys):
        if key < before:
            yield "treeNotSorted", f"not properly sorted at {_shown(key)}"
            break
    if len({key.rstrip(b"/") for key in keys}) < len(keys):
        yield "duplicateEntries", "contains a name twice"


def _shown(name: bytes) -> str:
    return repr(name.decode("utf-8", "replace"))
