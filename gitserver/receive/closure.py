"""Whether everything that new objects refer to is there, and of the right kind (GIT-07).

Every object of a pushed pack must find all that it names in the pack or in the repository. Since
the same held for every pack before, the repository is closed, and old history need not be walked.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gitserver.objects.entry import BLOB, COMMIT, NAMES, TAG, TREE
from gitserver.objects.store import (
    NoSuchObject,
    Objects,
    commit_parents,
    commit_tree,
    peel,
    tag_target,
)
from gitserver.objects.trees import Entry
from gitserver.receive.fsck.trees import Line
from gitserver.receive.job import Tip

_MOST = 20


class Closure:
    """Collects what new objects refer to; each id once, with the kind that it must have."""

    def __init__(self) -> None:
        self._needed: dict[bytes, int] = {}
        self._conflicts: list[bytes] = []
        self._unreadable: list[bytes] = []
        self._folders: dict[bytes, tuple[int, tuple[tuple[bytes, int], ...]]] = {}
        self.gitmodules: set[bytes] = set()
        self.symlinks: set[bytes] = set()
        self.gitattributes: set[bytes] = set()

    def unreadable(self, oid: bytes) -> None:
        """A new object of which nobody can tell what it names."""
        self._unreadable.append(oid)

    def commit(self, data: bytes) -> None:
        self._need(commit_tree(data), TREE)
        for parent in commit_parents(data):
            self._need(parent, COMMIT)

    def tag(self, data: bytes) -> None:
        self._need(*tag_target(data))

    def entry(self, entry: Entry) -> None:
        """An entry of some new tree."""
        if not entry.is_submodule:
            self._need(entry.oid, TREE if entry.is_tree else BLOB)

    def tree(self, oid: bytes, lines: Sequence[Line]) -> None:
        """The shape of a new tree."""
        longest = max((len(line.key) for line in lines), default=0)
        below = tuple((line.child, len(line.key)) for line in lines if line.child)
        self._folders[oid] = (longest, below)

    def missing(self, new: dict[bytes, int], store: Objects) -> list[str]:
        """In words, what is not there or of another kind than it is named as; the first few."""
        found: list[str] = [f"{oid.hex()} is named as two kinds" for oid in self._conflicts]
        found += [f"{oid.hex()} cannot be read" for oid in self._unreadable]
        for oid, kind in self._needed.items():
            have = new.get(oid)
            if have is None:
                try:
                    have, _ = store.kind_and_size(oid)
                except NoSuchObject:
                    have = 0
            if have != kind:
                found.append(f"{NAMES[kind]} {oid.hex()}")
            if len(found) >= _MOST:
                break
        return found

    def too_deep(self, max_folders: int, max_path: int) -> Iterator[str]:
        """New trees whose folders, or whose longest path, exceed the limits."""
        measured: dict[bytes, tuple[int, int]] = {}
        for oid in self._folders:
            folders, path = self._measure(oid, measured)
            if folders > max_folders:
                yield f"tree {oid.hex()} has {folders} folders within each other"
                return
            if path > max_path:
                yield f"tree {oid.hex()} has a path of {path} bytes"
                return

    def _measure(self, top: bytes, measured: dict[bytes, tuple[int, int]]) -> tuple[int, int]:
        """Levels and longest path of a tree, as far as its folders are new."""
        stack = [top]
        while stack:
            oid = stack[-1]
            longest, below = self._folders.get(oid, (0, ()))
            waiting = [child for child, _ in below if child not in measured]
            if waiting and oid not in measured:
                stack.extend(waiting)
                continue
            stack.pop()
            levels, path = 1, longest
            for child, name in below:
                child_levels, child_path = measured[child]
                levels = max(levels, child_levels + 1)
                path = max(path, name + child_path)
            measured[oid] = (levels, path)
        return measured[top]

    def _need(self, oid: bytes, kind: int) -> None:
        if self._needed.setdefault(oid, kind) != kind:
            self._conflicts.append(oid)


def describe_tip(objects: Objects, oid: str) -> Tip:
    """What a ref's new id is, and what it leads to."""
    try:
        kind, _ = objects.kind_and_size(bytes.fromhex(oid))
        peeled = peel(objects, bytes.fromhex(oid))[1] if kind == TAG else kind
    except NoSuchObject:
        return Tip(oid)
    return Tip(oid, NAMES[kind], NAMES[peeled])
