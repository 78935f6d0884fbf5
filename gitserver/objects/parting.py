"""Where two histories part, as git finds it (paint_down_to_common in commit-reach.c)."""

from __future__ import annotations

import heapq
import math
import time
from collections import Counter
from collections.abc import Iterable

from gitserver.history import Commit, parse_commit
from gitserver.objects.entry import COMMIT
from gitserver.objects.store import Objects

_ONE, _OTHER, _STALE = 1, 2, 4


class TooFar(ValueError):
    """Raised when it cannot be told within the time allowed."""


def merge_base(objects: Objects, one: bytes, other: bytes, deadline: float) -> bytes | None:
    """The latest commit that both have in their history; None for histories that never met.

    Raises `TooFar` past `deadline` (monotonic seconds).
    """
    painted = _Painter(objects, deadline)
    painted.run(one, [other])
    return next((oid for oid in painted.met if not painted.flags[oid] & _STALE), None)


def since(objects: Objects, tip: bytes, known: Iterable[bytes], deadline: float) -> list[Commit]:
    """What `tip` has in its history and none of `known` has, the latest first. Raises `TooFar`."""
    painted = _Painter(objects, deadline)
    painted.run(tip, known)
    return [each for each in painted.seen if painted.flags[bytes.fromhex(each.oid)] == _ONE]


class _Painter:
    """Walks down from both sides, the latest first, until all that waits is common and older than
    what was found. Commits of one second come in any order."""

    def __init__(self, objects: Objects, deadline: float) -> None:
        self.flags: dict[bytes, int] = {}
        self.met: list[bytes] = []
        self.seen: list[Commit] = []
        self._objects = objects
        self._deadline = deadline
        self._commits: dict[bytes, Commit] = {}
        self._waiting: list[tuple[int, int, bytes]] = []
        self._places: Counter[bytes] = Counter()  # how often each commit waits
        self._fresh = 0  # places of those that are not known to be older than what was found
        self._pushed = 0

    def run(self, one: bytes, others: Iterable[bytes]) -> None:
        self._paint(one, _ONE)
        for other in others:
            self._paint(other, _OTHER)
        walked: set[bytes] = set()
        oldest: float = math.inf  # of what was taken for one side's own: it may not be
        while self._fresh or (self._waiting and -self._waiting[0][0] >= oldest):
            _, _, oid = heapq.heappop(self._waiting)
            flags, commit = self.flags[oid], self._commits[oid]
            self._places[oid] -= 1
            self._fresh -= not flags & _STALE
            if oid not in walked:
                walked.add(oid)
                self.seen.append(commit)
            if flags == _ONE:
                oldest = min(oldest, commit.committer.seconds())
            if flags & (_ONE | _OTHER) == _ONE | _OTHER and not flags & _STALE:
                if oid not in self.met:
                    self.met.append(oid)
                flags |= _STALE
            for parent in commit.parents:
                self._paint(bytes.fromhex(parent), flags)

    def _paint(self, oid: bytes, flags: int) -> None:
        before = self.flags.get(oid, 0)
        if before | flags == before:
            return
        self.flags[oid] = before | flags
        if flags & _STALE and not before & _STALE:
            self._fresh -= self._places[oid]
        if oid not in self._commits:
            if time.monotonic() > self._deadline:
                raise TooFar("These histories are too long to be compared in time.")
            self._commits[oid] = parse_commit(oid.hex(), self._objects.read_as(oid, COMMIT))
        when = self._commits[oid].committer.seconds()
        heapq.heappush(self._waiting, (-when, self._pushed, oid))
        self._pushed += 1
        self._places[oid] += 1
        self._fresh += not self.flags[oid] & _STALE
