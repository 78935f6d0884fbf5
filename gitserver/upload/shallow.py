"""Where history is cut off for a shallow client (gitprotocol-pack(5), as git's `shallow.c`)."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from gitserver.pack.history import History
from gitserver.upload.request import INFINITE_DEPTH, ProtocolError


@dataclass(frozen=True)
class Cut:
    """The new boundary. Ids are raw.

    `shallow` and `unshallow` are what the client is told. `cuts` are the commits that count as
    having no parents while the pack is made; `wants` is what must be sent beside the client's own
    wants: the parents of commits that are no boundary any longer.
    """

    shallow: tuple[bytes, ...] = ()
    unshallow: tuple[bytes, ...] = ()
    cuts: frozenset[bytes] = frozenset()
    wants: tuple[bytes, ...] = ()


@dataclass(frozen=True)
class Deepen:
    """What the client asked for. `excluded` are commits named by `deepen-not`."""

    depth: int = 0
    relative: bool = False
    since: int = 0
    excluded: tuple[bytes, ...] = ()


def cut(
    history: History, wants: Collection[bytes], client: Collection[bytes], deepen: Deepen
) -> Cut:
    """Find the boundary for `wants` (commits), given the client's own (`client`).

    Raises `ProtocolError` when nothing is left above the boundary.
    """
    if deepen.since or deepen.excluded:
        boundary, inside = _by_selection(history, wants, deepen)
    elif deepen.depth == INFINITE_DEPTH:
        boundary = _reached(history, wants, set(history.cuts)) if history.cuts else set()
        inside = set(client) - history.cuts
    elif deepen.relative:
        starts = _reached(history, wants, set(client))
        boundary, inside = _by_depth(history, starts, deepen.depth + 1)
    else:
        boundary, inside = _by_depth(history, wants, deepen.depth)
    old = set(client)
    opened = tuple(sorted(old & inside - boundary))
    parents = tuple(parent for oid in opened for parent in history.commit(oid).parents)
    return Cut(tuple(sorted(boundary - old)), opened, frozenset(old | boundary), parents)


def _by_depth(
    history: History, starts: Iterable[bytes], depth: int
) -> tuple[set[bytes], set[bytes]]:
    """Breadth first, so that every commit is met at its least depth."""
    boundary: set[bytes] = set()
    inside: set[bytes] = set()
    level = set(starts)
    for number in range(1, depth + 1):
        if not level:
            break
        if number == depth:
            boundary |= level
            break
        inside |= level
        below = {parent for oid in level for parent in history.commit(oid).parents}
        boundary |= level & history.cuts
        level = below - inside
    return boundary, inside


def _reached(history: History, wants: Iterable[bytes], sought: set[bytes]) -> set[bytes]:
    """Those of `sought` that `wants` reach."""
    pending = list(wants)
    seen = set(pending)
    found: set[bytes] = set()
    while pending and len(found) < len(sought):
        oid = pending.pop()
        if oid in sought:
            found.add(oid)
        for parent in history.commit(oid).parents:
            if parent not in seen:
                seen.add(parent)
                pending.append(parent)
    return found


def _by_selection(
    history: History, wants: Collection[bytes], deepen: Deepen
) -> tuple[set[bytes], set[bytes]]:
    """Commits that are young enough and not excluded; the boundary are those with a parent out."""
    chosen = set(history.new_commits(wants, deepen.excluded)[0]) if deepen.excluded else None
    inside: set[bytes] = set()
    pending = list(wants)
    while pending:
        oid = pending.pop()
        if oid in inside or (chosen is not None and oid not in chosen):
            continue
        commit = history.commit(oid)
        if commit.time < deepen.since:
            continue
        inside.add(oid)
        pending.extend(commit.parents)
    if not inside:
        raise ProtocolError("no commits selected for shallow requests")
    boundary = {
        oid for oid in inside if any(parent not in inside for parent in history.commit(oid).parents)
    }
    return boundary | (inside & history.cuts), inside
