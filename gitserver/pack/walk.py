"""Which objects a fetch needs: what is reachable from the wants and not from the haves.

Two walks, both on raw bytes. Without haves every tree is entered once. With haves each new commit's
tree is compared with its parents' trees, folder by folder, so that the cost is that of what changed
and not of how large the repository is.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field

from gitserver.pack.file import BLOB, COMMIT, TAG, TREE
from gitserver.pack.filters import ALL, Filter
from gitserver.pack.history import History
from gitserver.pack.parse import LINK_MODE, TREE_MODES, parse_tag, tree_entries

_TICK = 500


@dataclass
class Found:
    """The outcome of a walk. `known` holds ids that the other side has for sure: delta bases."""

    commits: list[bytes] = field(default_factory=list)
    others: set[bytes] = field(default_factory=set)
    known: set[bytes] = field(default_factory=set)

    def __len__(self) -> int:
        return len(self.commits) + len(self.others)

    def all(self) -> set[bytes]:
        """Every object, in one set."""
        return self.others.union(self.commits)


class Walk:
    """One walk over one repository. `tick` is called often, with the number of objects so far."""

    def __init__(
        self,
        history: History,
        *,
        filter: Filter = ALL,
        cuts: Collection[bytes] = (),
        tick: Callable[[int], None] = lambda count: None,
    ) -> None:
        self._history = history
        self._store = history.store
        self._filter = filter
        self._cuts = cuts
        self._tick = tick
        self._found = Found()
        self._depths: dict[bytes, int] = {}
        self._keep_trees = TREE in filter.kinds
        self._keep_blobs = BLOB in filter.kinds and filter.blob_limit != 0

    def run(self, wants: Iterable[bytes], haves: Iterable[bytes]) -> Found:
        """Raises `ObjectMissing` when the repository lacks something that `wants` reach."""
        commits, explicit = self._sort_wants(wants)
        haves = self._history.commits_of(haves)
        new, _ = self._history.new_commits(commits, haves, self._cuts)
        if COMMIT in self._filter.kinds:
            self._found.commits = new
        else:
            self._found.commits = [oid for oid in new if oid in explicit]
        if self._enters_trees():
            if haves:
                self._changes(new)
            else:
                self._all_trees(new)
        for oid in explicit:
            self._explicit(oid)
        return self._found

    def _enters_trees(self) -> bool:
        return self._filter.tree_depth != 0 and (self._keep_trees or self._keep_blobs)

    def _sort_wants(self, wants: Iterable[bytes]) -> tuple[list[bytes], dict[bytes, int]]:
        """Commits to walk from, and every object that was asked for by id with its kind."""
        commits: list[bytes] = []
        explicit: dict[bytes, int] = {}
        pending = list(wants)
        asked = set(pending)
        for oid in pending:
            kind, _ = self._store.kind_and_size(oid)
            if (
                oid in asked
                or not self._filter.anything
                or (kind == TAG and TAG in self._filter.kinds)
            ):
                explicit[oid] = kind
            if kind == COMMIT:
                commits.append(oid)
            elif kind == TAG:
                target, target_kind = parse_tag(self._store.read(oid)[1])
                if target_kind == COMMIT:
                    commits.append(target)
                elif target not in explicit:
                    pending.append(target)
        return list(dict.fromkeys(commits)), explicit

    def _explicit(self, oid: bytes) -> None:
        kind = self._store.kind_and_size(oid)[0]
        if kind == COMMIT:
            return
        self._found.others.add(oid)
        if kind == TREE:
            self._depths.pop(oid, None)
            self._enter(oid, 0)

    def _all_trees(self, commits: list[bytes]) -> None:
        total = len(commits)
        for number, oid in enumerate(commits):
            if number % _TICK == 0:
                self._tick(total + len(self._found.others))
            tree = self._history.commit(oid).tree
            if self._keep_trees:
                self._found.others.add(tree)
            self._enter(tree, 0)

    def _enter(self, root: bytes, depth: int) -> None:
        """Add what is below the tree `root`, itself at `depth`, each tree entered once."""
        limit = self._filter.tree_depth
        if limit is not None:
            self._enter_limited(root, depth, limit)
            return
        entered, others = self._depths, self._found.others
        keep_trees, read, blob = self._keep_trees, self._store.read, self._blob_adder()
        pending = [root]
        while pending:
            tree = pending.pop()
            if tree in entered:
                continue
            entered[tree] = 0
            if len(entered) % _TICK == 0:
                self._tick(len(self._found))
            for mode, _, oid in tree_entries(read(tree)[1]):
                if oid in others or oid in entered:
                    continue
                if mode in TREE_MODES:
                    if keep_trees:
                        others.add(oid)
                    pending.append(oid)
                elif mode != LINK_MODE:
                    blob(oid)

    def _enter_limited(self, root: bytes, depth: int, limit: int) -> None:
        """The same under `tree:N`: a tree is entered again when it is met at a lesser depth."""
        blob = self._blob_adder()
        pending = [(root, depth)]
        while pending:
            tree, depth = pending.pop()
            if self._depths.get(tree, limit) <= depth or depth + 1 >= limit:
                continue
            self._depths[tree] = depth
            for mode, _, oid in tree_entries(self._store.read(tree)[1]):
                if mode in TREE_MODES:
                    if self._keep_trees:
                        self._found.others.add(oid)
                    pending.append((oid, depth + 1))
                elif mode != LINK_MODE and oid not in self._found.others:
                    blob(oid)

    def _blob_adder(self) -> Callable[[bytes], None]:
        limit = self._filter.blob_limit
        add = self._found.others.add
        if not self._keep_blobs:
            return lambda oid: None
        if limit is None:
            return add
        refused: set[bytes] = set()

        def add_small(oid: bytes) -> None:
            if oid in refused:
                return
            if self._store.kind_and_size(oid)[1] < limit:
                add(oid)
            else:
                refused.add(oid)

        return add_small

    def _changes(self, commits: list[bytes]) -> None:
        """What the new commits' trees hold that their parents' trees do not, oldest first."""
        fresh = set(commits)
        blob = self._blob_adder()
        for number, oid in enumerate(reversed(commits)):
            if number % _TICK == 0:
                self._tick(len(self._found))
            commit = self._history.commit(oid)
            parents = () if oid in self._cuts else commit.parents
            bases = [self._history.commit(parent).tree for parent in parents]
            pairs = zip(parents, bases, strict=True)
            self._found.known.update(base for parent, base in pairs if parent not in fresh)
            self._compare(commit.tree, bases, blob)

    def _compare(self, tree: bytes, bases: list[bytes], blob: Callable[[bytes], None]) -> None:
        limit = self._filter.tree_depth
        others, known, read = self._found.others, self._found.known, self._store.read
        pending = [(tree, bases, 0)]
        while pending:
            tree, bases, depth = pending.pop()
            if tree in bases or (tree in others and limit is None and tree in self._depths):
                continue
            if limit is not None and depth >= limit:
                continue
            self._depths[tree] = depth
            if self._keep_trees:
                others.add(tree)
            there: set[bytes] = set()
            folders: dict[bytes, list[bytes]] = {}
            for base in bases:
                entries = tree_entries(read(base)[1])
                there.update(oid for _, _, oid in entries)
                if base in known:
                    known.update(oid for _, _, oid in entries)
                for mode, name, oid in entries:
                    if mode in TREE_MODES:
                        folders.setdefault(name, []).append(oid)
            for mode, name, oid in tree_entries(read(tree)[1]):
                if oid in there:
                    continue
                if mode in TREE_MODES:
                    pending.append((oid, folders.get(name, []), depth + 1))
                elif mode != LINK_MODE and (limit is None or depth + 1 < limit):
                    blob(oid)
