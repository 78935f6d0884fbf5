"""Which packs to join: a pure decision over sizes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

_FACTOR = 2


@dataclass(frozen=True)
class PackFacts:
    """What is known of a pack on disk."""

    name: str
    size: int


class Work(Enum):
    """How much there is to do."""

    NOTHING = "nothing"
    JOIN = "join"
    """Put some small packs and the loose objects together, whatever they hold."""

    REBUILD = "rebuild"
    """Sort all objects: what branches and tags reach into one exact pack, the rest apart."""


@dataclass(frozen=True)
class Plan:
    work: Work
    packs: tuple[str, ...] = ()
    """The names of the packs that are to go."""


def plan(packs: Sequence[PackFacts], loose: int, *, full: bool) -> Plan:
    """Geometric: afterwards each pack is at least twice as large as all smaller ones together, so
    a repository has no more than about log2 of its pushes, and a byte is copied as often.

    `full` asks for a rebuild even so.
    """
    ordered = sorted(packs, key=lambda pack: (pack.size, pack.name))
    total, joined = 0, 0
    for rank, pack in enumerate(ordered):
        if rank and pack.size < _FACTOR * total:
            joined = rank + 1
        total += pack.size
    if full or (joined == len(ordered) and joined > 1):
        return Plan(Work.REBUILD, tuple(pack.name for pack in ordered))
    if joined > 1 or loose:
        return Plan(Work.JOIN, tuple(pack.name for pack in ordered[:joined]))
    return Plan(Work.NOTHING)
