"""What differs between two revisions: which paths, and their lines (`git diff`'s own form).

Trees are compared folder by folder, so that the cost is that of what changed. Within the budgets of
GIT-19; run it on pool "git".
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from gitserver.objects.entry import TREE
from gitserver.objects.store import Objects
from gitserver.objects.trees import DIRECTORY, Entry, entries


class Change(StrEnum):
    """The letters of `git diff --name-status`."""

    ADDED = "A"
    REMOVED = "D"
    MODIFIED = "M"
    RENAMED = "R"  # with the same content


@dataclass(frozen=True)
class Side:
    """A path in one of the two revisions; never a folder. `mode` as in git."""

    path: str
    mode: int
    oid: str


@dataclass(frozen=True)
class Changed:
    """One path that differs; `old` is None for an added one, `new` for a removed one."""

    change: Change
    old: Side | None
    new: Side | None

    @property
    def path(self) -> str:
        side = self.new or self.old
        return side.path if side is not None else ""


class TooManyChanges(ValueError):
    """Raised for more differing paths than the caller wants."""


def changed_paths(objects: Objects, old: bytes | None, new: bytes, most: int) -> list[Changed]:
    """Of two trees, ordered by path; without `old` everything is added. Raises `TooManyChanges`."""
    found: list[Changed] = []
    for before, after in _differing(objects, old, new):
        if len(found) >= most:
            raise TooManyChanges(f"more than {most} files differ")
        if before is not None and after is not None:
            found.append(Changed(Change.MODIFIED, before, after))
        else:
            found.append(Changed(Change.REMOVED if after is None else Change.ADDED, before, after))
    return sorted(_with_renames(found), key=lambda changed: changed.path)


def _differing(
    objects: Objects, old: bytes | None, new: bytes | None, prefix: bytes = b""
) -> Iterator[tuple[Side | None, Side | None]]:
    waiting: list[tuple[bytes | None, bytes | None, bytes]] = [(old, new, prefix)]
    while waiting:
        before, after, folder = waiting.pop()
        left, right = _by_name(objects, before), _by_name(objects, after)
        for name in left.keys() | right.keys():
            one, other = left.get(name), right.get(name)
            if one is not None and other is not None and one[:1] + one[2:] == other[:1] + other[2:]:
                continue
            inside = (_tree(one), _tree(other))
            if any(inside):
                waiting.append((*inside, folder + name + b"/"))
            sides = _side(one, folder), _side(other, folder)
            if any(sides):
                yield sides


def _by_name(objects: Objects, tree: bytes | None) -> dict[bytes, Entry]:
    if tree is None:
        return {}
    return {entry.name: entry for entry in entries(objects.read_as(tree, TREE))}


def _tree(entry: Entry | None) -> bytes | None:
    return entry.oid if entry is not None and entry.is_tree else None


def _side(entry: Entry | None, folder: bytes) -> Side | None:
    if entry is None or entry.mode & 0o170000 == DIRECTORY:
        return None
    return Side(os.fsdecode(folder + entry.name), entry.mode, entry.oid.hex())


def _with_renames(found: list[Changed]) -> Iterator[Changed]:
    """A removed and an added path of one content are one that was renamed."""
    removed: dict[tuple[int, str], list[Side]] = {}
    for changed in found:
        if changed.change is Change.REMOVED and changed.old is not None:
            removed.setdefault((changed.old.mode, changed.old.oid), []).append(changed.old)
    renamed: set[str] = set()
    for changed in found:
        if changed.change is Change.ADDED and changed.new is not None:
            left = removed.get((changed.new.mode, changed.new.oid))
            if left:
                old = left.pop()
                renamed.add(old.path)
                yield Changed(Change.RENAMED, old, changed.new)
                continue
        if changed.change is not Change.REMOVED:
            yield changed
    for changed in found:
        if changed.change is Change.REMOVED and changed.path not in renamed:
            yield changed
