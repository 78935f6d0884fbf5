"""Which commits others have in their history."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from gitserver.objects.entry import COMMIT
from gitserver.objects.store import NoSuchObject, Objects, commit_parents, peel


def reachable_commits(objects: Objects, tips: Iterable[bytes]) -> set[bytes]:
    """The ids of all commits that the tips reach; tips may be tags, other kinds are passed over."""
    return set(_walk(objects, tips, lenient=False))


def has_ancestor(objects: Objects, new: bytes, old: bytes) -> bool:
    """Whether `old` is in the history of `new`, as far as that is here."""
    return any(oid == old for oid in _walk(objects, [new], lenient=True))


def _walk(objects: Objects, tips: Iterable[bytes], *, lenient: bool) -> Iterator[bytes]:
    waiting = []
    for tip in tips:
        oid, kind = peel(objects, tip)
        if kind == COMMIT:
            waiting.append(oid)
    seen = set(waiting)
    yield from seen
    while waiting:
        try:
            parents = commit_parents(objects.read_as(waiting.pop(), COMMIT))
        except NoSuchObject:
            if lenient:  # the history is cut off there
                continue
            raise
        for parent in parents:
            if parent not in seen:
                seen.add(parent)
                waiting.append(parent)
                yield parent
