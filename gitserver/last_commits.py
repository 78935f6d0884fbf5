"""Which commit last changed each of some paths: one bounded walk through the history."""

from __future__ import annotations

import heapq
import time
from collections.abc import Collection

from gitserver.history import Commit, parse_commit
from gitserver.objects.entry import COMMIT, TREE
from gitserver.objects.store import Objects
from gitserver.objects.trees import Entry, entries

Path = bytes
_NOTHING = b""
_HELD_TREES = 4096


class LastCommits:
    """The walk. Of two parents that both have a path as it is, the first is followed, as git."""

    def __init__(self, objects: Objects, deadline: float) -> None:
        self._objects = objects
        self._deadline = deadline  # monotonic seconds
        self._commits: dict[bytes, Commit] = {}
        self._trees: dict[bytes, dict[bytes, Entry]] = {}

    def find(self, revision: bytes, paths: Collection[Path]) -> dict[Path, Commit]:
        """The commit of each path; those not decided by the deadline are left out."""
        found: dict[Path, Commit] = {}
        open_paths = {revision: set(paths)}
        waiting = [(-self._commit(revision).committer.seconds(), revision)]
        while waiting and time.monotonic() < self._deadline:
            _, oid = heapq.heappop(waiting)
            commit = self._commit(oid)
            changed = open_paths.pop(oid)
            for name in commit.parents:
                parent = bytes.fromhex(name)
                same = self._same(commit, self._commit(parent), changed)
                if not same:
                    continue
                changed -= same
                if parent not in open_paths:
                    open_paths[parent] = set()
                    at = self._commit(parent).committer.seconds()
                    heapq.heappush(waiting, (-at, parent))
                open_paths[parent] |= same
            found |= dict.fromkeys(changed, commit)
        return found

    def _same(self, child: Commit, parent: Commit, paths: set[Path]) -> set[Path]:
        """Those paths that both have alike."""
        trees = bytes.fromhex(child.tree), bytes.fromhex(parent.tree)
        if trees[0] == trees[1]:
            return set(paths)
        folders: dict[bytes, list[bytes]] = {}
        for path in paths:
            folder, _, name = path.rpartition(b"/")
            folders.setdefault(folder, []).append(name)
        same: set[Path] = set()
        for folder, names in folders.items():
            here, there = (self._folder(tree, folder) for tree in trees)
            prefix = folder + b"/" if folder else b""
            if here == there:
                same |= {prefix + name for name in names}
                continue
            new, old = self._tree(here), self._tree(there)
            same |= {prefix + name for name in names if new.get(name) == old.get(name)}
        return same

    def _folder(self, tree: bytes, folder: bytes) -> bytes:
        """The tree of a folder, or nothing."""
        for name in folder.split(b"/") if folder else ():
            found = self._tree(tree).get(name)
            tree = found.oid if found is not None and found.is_tree else _NOTHING
        return tree

    def _tree(self, oid: bytes) -> dict[bytes, Entry]:
        if oid == _NOTHING:
            return {}
        known = self._trees.get(oid)
        if known is None:
            if len(self._trees) >= _HELD_TREES:
                self._trees.clear()
            found = entries(self._objects.read_as(oid, TREE))
            known = self._trees[oid] = {entry.name: entry for entry in found}
        return known

    def _commit(self, oid: bytes) -> Commit:
        if oid not in self._commits:
            self._commits[oid] = parse_commit(oid.hex(), self._objects.read_as(oid, COMMIT))
        return self._commits[oid]
