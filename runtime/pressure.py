"""Which unused apps go down the ladder before their time when the host is short of memory or its
cores are busy; pure.

The longest unused first. What can be undone at once comes first: freezing and pushing out to swap,
for all; only then sleep, and only for what may sleep at all. Nothing that somebody uses.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

from config.catalogue import Flavor
from config.runtime import CpuSettings, MemorySettings
from spaceport.names import SpaceKey


class Rung(IntEnum):
    """Of the ladder, downwards."""

    RUNNING = 0
    FROZEN = 1
    SWAPPED = 2
    ASLEEP = 3


@dataclass(frozen=True)
class Memory:
    """Of the host, in bytes. `stalled`: per cent of the last ten seconds in which some work waited
    for memory (the kernel's PSI, "some avg10"); None where it does not tell."""

    total: int
    available: int
    stalled: float | None = None


@dataclass(frozen=True)
class Candidate:
    """A Space that serves, where it is, and where it may be sent. `idle` in seconds; `pauses`: it
    would be frozen in good times, too, only later."""

    key: SpaceKey
    idle: float
    at: Rung
    allowed: frozenset[Rung]
    pauses: bool = False


def short(memory: Memory, before: bool, settings: MemorySettings) -> bool:
    """Whether the host is short of memory. `before`: it was so at the last look, and it stays so
    until there is clearly enough, lest apps are moved up and down without end."""
    limit = settings.enough if before else settings.low
    if settings.low > 0 and memory.available < limit * memory.total:
        return True
    if settings.stalled is None or memory.stalled is None:
        return False
    return memory.stalled >= (settings.stalled / 2 if before else settings.stalled)


def demands(candidates: Iterable[Candidate], settings: MemorySettings) -> dict[SpaceKey, Rung]:
    """How far which Spaces are to go down now; a few at a time, as each takes effect slowly."""
    unused = sorted(
        (one for one in candidates if one.idle >= settings.unused), key=lambda one: -one.idle
    )
    gentle = {one.key: rung for one in unused if (rung := _gentlest(one)) > one.at}
    asleep = {one.key: Rung.ASLEEP for one in unused if Rung.ASLEEP in one.allowed}
    return dict(list((gentle or asleep).items())[: settings.at_once])


def busy(waited: float | None, before: bool, settings: CpuSettings) -> bool:
    """Whether the host's cores are. `waited`: per cent of the last ten seconds in which some work
    waited for one; `before` as in `short`."""
    if settings.busy is None or waited is None:
        return False
    return waited >= (settings.busy / 2 if before else settings.busy)


def pauses(candidates: Iterable[Candidate], settings: CpuSettings) -> dict[SpaceKey, Rung]:
    """Who is frozen now, so that others get the cores."""
    runs = (one for one in candidates if one.at < Rung.FROZEN and one.pauses)
    unused = (one for one in runs if one.idle >= settings.unused and Rung.FROZEN in one.allowed)
    longest = sorted(unused, key=lambda one: -one.idle)[: settings.at_once]
    return {one.key: Rung.FROZEN for one in longest}


def _gentlest(one: Candidate) -> Rung:
    """The lowest rung from which a visit brings it back in a moment."""
    return max(one.allowed - {Rung.ASLEEP}, default=Rung.RUNNING)


def allowed(
    flavor: Flavor, *, sleeps: bool, can_freeze: bool, can_reclaim: bool
) -> frozenset[Rung]:
    """Where a Space may be sent for want of memory. `sleeps`: it has a sleep time (8.3).

    Also what never sleeps may be held for a while: without, all would end by the kernel's hand.
    """
    found = {Rung.ASLEEP} if sleeps else set()
    if can_freeze and not flavor.gpus:  # a GPU's memory cannot be held along
        found.add(Rung.FROZEN)
        if can_reclaim:
            found.add(Rung.SWAPPED)
    return frozenset(found)


def memory_told(meminfo: str, pressure: str) -> Memory | None:
    """From the texts of /proc/meminfo and /proc/pressure/memory (empty where there is none)."""
    sizes = {}
    for line in meminfo.splitlines():
        name, _, rest = line.partition(":")
        sizes[name] = rest.split()[:1]
    if not (sizes.get("MemTotal") and sizes.get("MemAvailable")):
        return None
    total, available = (int(sizes[name][0]) * 1024 for name in ("MemTotal", "MemAvailable"))
    return Memory(total, available, stalled(pressure))


def stalled(pressure: str) -> float | None:
    """ "some avg10" of a text in /proc/pressure: per cent of the last ten seconds."""
    for line in pressure.splitlines():
        kind, *fields = line.split()
        told = dict(field.split("=", 1) for field in fields if "=" in field)
        if kind == "some" and "avg10" in told:
            return float(told["avg10"])
    return None
