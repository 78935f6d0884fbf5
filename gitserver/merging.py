"""A merge: what two revisions changed of what they have in common, in one tree (git-merge(1)).

Trees are compared folder by folder, so that the cost is that of what changed. Renames are not
looked for: a file that one side renamed and the other changed is a conflict, told as such.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

from gitserver.building import EMPTY_TREE, Leaf, NewObjects
from gitserver.diff import MAX_BYTES
from gitserver.merge_lines import merge_text
from gitserver.objects.entry import BLOB, TREE
from gitserver.objects.parting import TooFar, merge_base
from gitserver.objects.store import Objects, ObjectTooLarge, commit_tree
from gitserver.objects.trees import DIRECTORY, EXECUTABLE, FILE, Entry, entries
from gitserver.pointer import parse_pointer

MOST_CONFLICTS = 200


@dataclass(frozen=True)
class Merged:
    """What a merge comes to. `tree` is None when there are conflicts.

    `base` is where the two parted; `nothing`: the one has all of the other already.
    """

    base: str | None
    tree: str | None
    conflicts: tuple[str, ...] = ()
    nothing: bool = False


def merge(objects: Objects, new: NewObjects, into: str, other: str, deadline: float) -> Merged:
    """Merge revision `other` into revision `into`; trees and files that neither has go to `new`.

    Raises `parting.TooFar` past `deadline` (monotonic seconds), also for trees.
    """
    ours, theirs = bytes.fromhex(into), bytes.fromhex(other)
    base = merge_base(objects, ours, theirs, deadline)
    name = None if base is None else base.hex()
    if base == theirs:
        return Merged(name, _tree(objects, ours).hex(), nothing=True)
    before = None if base is None else _tree(objects, base)
    work = _Merge(objects, new, deadline)
    tree = work.folder(before, _tree(objects, ours), _tree(objects, theirs), b"")
    if work.conflicts:
        return Merged(name, None, tuple(sorted(work.conflicts)[:MOST_CONFLICTS]))
    return Merged(name, tree or new.tree({}))


def _tree(objects: Objects, commit: bytes) -> bytes:
    return commit_tree(objects.read(commit)[1])


class _Merge:
    def __init__(self, objects: Objects, new: NewObjects, deadline: float) -> None:
        self.conflicts: list[str] = []
        self._objects = objects
        self._new = new
        self._deadline = deadline

    def folder(
        self, base: bytes | None, ours: bytes | None, theirs: bytes | None, prefix: bytes
    ) -> str | None:
        """The id of the merged folder; None when nothing is left in it."""
        if time.monotonic() > self._deadline:
            raise TooFar("These revisions differ in too much to be merged in time.")
        olds, mine, yours = (self._names(tree) for tree in (base, ours, theirs))
        leaves: dict[bytes, Leaf] = {}
        for name in sorted({*olds, *mine, *yours}):
            found = self._entry(olds.get(name), mine.get(name), yours.get(name), prefix + name)
            if found is not None:
                leaves[name] = found
        if not leaves:
            return None
        return self._new.tree(leaves)

    def _names(self, tree: bytes | None) -> dict[bytes, Entry]:
        if tree is None or tree.hex() == EMPTY_TREE:
            return {}
        return {each.name: each for each in entries(self._objects.read_as(tree, TREE))}

    def _entry(
        self, base: Entry | None, ours: Entry | None, theirs: Entry | None, path: bytes
    ) -> Leaf | None:
        if _same(ours, theirs) or _same(base, theirs):
            return _leaf(ours)
        if _same(base, ours):
            return _leaf(theirs)
        if all(side is None or side.is_tree for side in (ours, theirs)):
            below = self.folder(_oid(base), _oid(ours), _oid(theirs), path + b"/")
            return None if below is None else Leaf(DIRECTORY, below)
        merged = self._file(base, ours, theirs)
        if merged is None:
            self.conflicts.append(os.fsdecode(path))
        return merged

    def _file(self, base: Entry | None, ours: Entry | None, theirs: Entry | None) -> Leaf | None:
        """Both changed a file; None unless it is text, and they changed it in different places."""
        if base is None or ours is None or theirs is None:
            return None
        if any(side.mode not in (FILE, EXECUTABLE) for side in (base, ours, theirs)):
            return None
        mode = theirs.mode if ours.mode == base.mode else ours.mode
        if ours.oid == theirs.oid:
            return Leaf(mode, ours.oid.hex())
        if theirs.oid == base.oid or ours.oid == base.oid:  # the other changed only the mode
            return Leaf(mode, (ours if theirs.oid == base.oid else theirs).oid.hex())
        texts = [self._text(side.oid) for side in (base, ours, theirs)]
        if any(text is None for text in texts):
            return None
        merged = merge_text(*(text or b"" for text in texts))
        return None if merged is None else Leaf(mode, self._new.blob(merged))

    def _text(self, oid: bytes) -> bytes | None:
        """None for what has no lines: too large, binary, or the pointer of a large file."""
        try:
            data = self._objects.read_as(oid, BLOB, MAX_BYTES)
        except ObjectTooLarge:
            return None
        return None if b"\0" in data[:8000] or parse_pointer(data) is not None else data


def _same(one: Entry | None, other: Entry | None) -> bool:
    if one is None or other is None:
        return one is other
    return (one.mode, one.oid) == (other.mode, other.oid)


def _leaf(entry: Entry | None) -> Leaf | None:
    return None if entry is None else Leaf(entry.mode, entry.oid.hex())


def _oid(entry: Entry | None) -> bytes | None:
    return entry.oid if entry is not None and entry.is_tree else None
