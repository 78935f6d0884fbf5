"""Commits of one repository, each read once (bounded), with shallow cuts applied."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterable
from pathlib import Path

from gitserver.pack.file import COMMIT, TAG, PackDamaged
from gitserver.pack.graph import CommitGraph
from gitserver.pack.parse import Commit, parse_commit, parse_tag
from gitserver.pack.store import ObjectMissing, ObjectStore

_HELD = 150_000
"""How many commits a worker keeps in memory for a repository (about 60 MB at most)."""

_MAX_TAGS = 64
_SLOP = 5


class History:
    """Parents, trees and times of commits by id."""

    def __init__(self, store: ObjectStore) -> None:
        self.store = store
        self.cuts = _shallow_file(store.folder.parent)
        """Commits whose parents this repository itself does not have."""
        self._commits: dict[bytes, Commit] = {}
        self._graph = CommitGraph.load(store.folder)

    def commit(self, oid: bytes) -> Commit:
        """Raises `ObjectMissing`, also when `oid` is no commit."""
        known = self._commits.get(oid)
        if known is not None:
            return known
        found = self._graph.commit(oid) if self._graph else None
        if found is None:
            kind, data = self.store.read(oid)
            if kind != COMMIT:
                raise ObjectMissing(oid)
            found = parse_commit(data)
        if oid in self.cuts:
            found = found._replace(parents=())
        if len(self._commits) >= _HELD:
            self._commits.clear()
        self._commits[oid] = found
        return found

    def peel(self, oid: bytes) -> tuple[bytes, int]:
        """What `oid` stands for once tags are followed, and its kind. Raises `ObjectMissing`."""
        if oid in self._commits:
            return oid, COMMIT
        kind, _ = self.store.kind_and_size(oid)
        for _ in range(_MAX_TAGS):
            if kind != TAG:
                return oid, kind
            oid, kind = parse_tag(self.store.read(oid)[1])
        raise PackDamaged("a chain of tags does not end")

    def commits_of(self, oids: Iterable[bytes]) -> list[bytes]:
        """The commits among `oids`, tags followed; what is missing or no commit is left out."""
        found = []
        for oid in oids:
            try:
                target, kind = self.peel(oid)
            except ObjectMissing:
                continue
            if kind == COMMIT:
                found.append(target)
        return found

    def all_reach(self, wants: Iterable[bytes], haves: Collection[bytes]) -> bool:
        """Whether every commit of `wants` has a commit of `haves` among its ancestors (or is one).

        Not followed below the oldest of `haves`, so the cost is that of what is new.
        """
        if not haves:
            return False
        targets = frozenset(haves)
        oldest = min(self.commit(oid).time for oid in targets)
        reached: set[bytes] = set(targets)
        for want in wants:
            if not self._reaches(want, reached, oldest):
                return False
            reached.add(want)
        return True

    def reachable(self, sought: Collection[bytes], tips: Iterable[bytes]) -> bool:
        """Whether every commit of `sought` is an ancestor of, or equal to, one of `tips`."""
        missing = set(sought)
        oldest = min((self.commit(oid).time for oid in missing), default=0)
        seen: set[bytes] = set()
        queue: list[tuple[int, bytes]] = []
        for tip in tips:
            if tip not in seen:
                seen.add(tip)
                heapq.heappush(queue, (-self.commit(tip).time, tip))
        missing -= seen
        below = 0
        while queue and missing:
            negative, oid = heapq.heappop(queue)
            # Clocks lie: go on a little below the oldest before giving up on a branch of history.
            below = below + 1 if -negative < oldest else 0
            if below > 1000 * _SLOP:
                return self._all_ancestors(missing, queue, seen)
            for parent in self.commit(oid).parents:
                if parent not in seen:
                    seen.add(parent)
                    missing.discard(parent)
                    heapq.heappush(queue, (-self.commit(parent).time, parent))
        return not missing

    def _all_ancestors(
        self, missing: set[bytes], queue: list[tuple[int, bytes]], seen: set[bytes]
    ) -> bool:
        pending = [oid for _, oid in queue]
        while pending and missing:
            for parent in self.commit(pending.pop()).parents:
                if parent not in seen:
                    seen.add(parent)
                    missing.discard(parent)
                    pending.append(parent)
        return not missing

    def _reaches(self, start: bytes, targets: set[bytes], oldest: int) -> bool:
        seen = {start}
        queue = [(-self.commit(start).time, start)]
        while queue:
            _, oid = heapq.heappop(queue)
            if oid in targets:
                return True
            for parent in self.commit(oid).parents:
                if parent not in seen:
                    seen.add(parent)
                    time = self.commit(parent).time
                    if time >= oldest:
                        heapq.heappush(queue, (-time, parent))
        return False

    def new_commits(
        self, wants: Iterable[bytes], haves: Iterable[bytes], cuts: Collection[bytes] = ()
    ) -> tuple[list[bytes], set[bytes]]:
        """The commits that `wants` reach and `haves` do not, newest first, and all that `haves`
        were seen to reach on the way.

        `cuts` are commits that count as having no parents. By committer time with some slop, as
        git does: a clock that lies makes the answer larger than it need be, never too small.
        """
        wants, haves = list(wants), list(haves)
        if not haves:
            return self._closure(wants, cuts), set()
        there: set[bytes] = set()
        wanted: set[bytes] = set()
        queue: list[tuple[int, bytes]] = []
        for oids, colour in ((haves, there), (wants, wanted)):
            for oid in oids:
                if oid not in there and oid not in wanted:
                    heapq.heappush(queue, (-self.commit(oid).time, oid))
                colour.add(oid)
        order: list[bytes] = []
        undecided = sum(1 for _, oid in queue if oid not in there)
        slop = _SLOP
        done: set[bytes] = set()
        while queue and slop:
            _, oid = heapq.heappop(queue)
            if oid in done:
                continue
            done.add(oid)
            is_there = oid in there
            if not is_there:
                undecided -= 1
                order.append(oid)
            for parent in () if oid in cuts else self.commit(oid).parents:
                if is_there:
                    if parent in there:
                        continue
                    there.add(parent)
                    if parent in wanted:
                        if parent in done:
                            undecided -= self._spread(parent, there, done, cuts)
                        else:
                            undecided -= 1
                    else:
                        heapq.heappush(queue, (-self._time(parent), parent))
                elif parent not in wanted:
                    wanted.add(parent)
                    if parent not in there:
                        undecided += 1
                        heapq.heappush(queue, (-self.commit(parent).time, parent))
            # Judged only now: the parents of what was new may be new as well.
            slop = slop - 1 if undecided <= 0 else _SLOP
        return [oid for oid in order if oid not in there], there

    def _spread(
        self, start: bytes, there: set[bytes], done: set[bytes], cuts: Collection[bytes]
    ) -> int:
        """Mark the ancestors that were taken for new before `start` proved to be there.

        Gives back how many of them were still waiting for their turn.
        """
        pending, waiting = [start], 0
        while pending:
            oid = pending.pop()
            if oid in cuts:
                continue
            for parent in self.commit(oid).parents:
                if parent not in there:
                    there.add(parent)
                    if parent in done:
                        pending.append(parent)
                    else:
                        waiting += 1
        return waiting

    def _closure(self, wants: list[bytes], cuts: Collection[bytes]) -> list[bytes]:
        order = list(dict.fromkeys(wants))
        seen = set(order)
        for oid in order:
            if oid in cuts:
                continue
            for parent in self.commit(oid).parents:
                if parent not in seen:
                    seen.add(parent)
                    order.append(parent)
        return order

    def _time(self, oid: bytes) -> int:
        """Time of a commit on the haves' side, which a shallow repository may lack."""
        try:
            return self.commit(oid).time
        except ObjectMissing:
            return 0


def _shallow_file(repo: Path) -> frozenset[bytes]:
    try:
        text = (repo / "shallow").read_text("ascii")
    except (OSError, UnicodeDecodeError):
        return frozenset()
    return frozenset(bytes.fromhex(line) for line in text.split() if len(line) == 40)
