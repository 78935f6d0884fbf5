"""Placement: a flavour granted on what the host really has, as a pure function.

A flavour larger than the host is cut down to it, so that a small machine runs the free hardware
too. Cores and memory may be promised several times over (a setting), GPUs never. Who waits is
served in turn: a later one may use what an earlier one cannot use yet, but not for ever.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from config.catalogue import Flavor
from config.runtime import Gpu, PlacementSettings
from spaceport.engine import EngineInfo

GIB = 1024**3
MIB = 1024**2


@dataclass(frozen=True)
class Capacity:
    """What the host has; memory in bytes. Zero means unknown, and then nothing is refused."""

    cpus: float = 0
    memory: int = 0
    gpus: tuple[Gpu, ...] = ()

    @classmethod
    def of(cls, info: EngineInfo, gpus: tuple[Gpu, ...] = ()) -> Capacity:
        return cls(cpus=info.cpus, memory=info.memory, gpus=gpus)


@dataclass(frozen=True)
class Placement:
    """What one replica was granted; kept with its row. GPUs by their ids, and exclusive."""

    cpus: float
    memory: int  # bytes
    gpus: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {"cpus": self.cpus, "memory": self.memory, "gpus": list(self.gpus)}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Placement:
        """The inverse of `to_json`; what is missing counts as nothing."""
        return cls(
            cpus=float(stored.get("cpus", 0)),
            memory=int(stored.get("memory", 0)),
            gpus=tuple(stored.get("gpus", ())),
        )

    @property
    def memory_text(self) -> str:
        """As the limit is told to people: `16Gi`, `7.5Gi`, `64Mi`."""
        if self.memory >= GIB:
            return f"{self.memory / GIB:.4g}Gi"
        return f"{self.memory // MIB}Mi"


@dataclass(frozen=True)
class NoRoom:
    """Why there is no placement. `lasting`: waiting does not help, the host lacks it.

    `scarce` names what is missing: "cpu", "memory", an accelerator, or "owner" for a limit that
    concerns nobody else. `position` in the queue, the next one is 1; 0 outside of it.
    """

    problem: str
    lasting: bool = False
    scarce: str = ""
    position: int = 0


@dataclass(frozen=True)
class Rival:
    """Another Space that waits, for so many seconds."""

    flavor: Flavor
    waited: float


def place(
    flavor: Flavor,
    capacity: Capacity,
    others: Iterable[Placement],
    settings: PlacementSettings,
) -> Placement | NoRoom:
    """Grant `flavor` next to `others`, or say why not."""
    present = tuple(others)
    cpus = _cut(flavor.cpus, capacity.cpus)
    memory = int(_cut(flavor.memory_bytes, _usable_memory(capacity, settings)))
    fitting = [gpu.id for gpu in capacity.gpus if gpu.accelerator == flavor.accelerator]
    if flavor.gpus > len(fitting):
        return NoRoom(f"this server has no {flavor.gpus}x {flavor.accelerator}", lasting=True)
    if _exceeds(cpus, capacity.cpus, (one.cpus for one in present), settings.cpu_overcommit):
        return NoRoom("all CPU cores are promised to other apps", scarce="cpu")
    if _exceeds(
        memory, capacity.memory, (one.memory for one in present), settings.memory_overcommit
    ):
        return NoRoom("all memory is promised to other apps", scarce="memory")
    taken = {gpu for one in present for gpu in one.gpus}
    free = [gpu for gpu in fitting if gpu not in taken]
    if len(free) < flavor.gpus:
        scarce = flavor.accelerator or ""
        return NoRoom(f"every {flavor.accelerator} is in use", scarce=scarce)
    return Placement(cpus=cpus, memory=memory, gpus=tuple(free[: flavor.gpus]))


def in_turn(
    flavor: Flavor,
    earlier: Sequence[Rival],
    capacity: Capacity,
    others: Iterable[Placement],
    settings: PlacementSettings,
) -> Placement | NoRoom:
    """As `place`, after `earlier`, who have waited longer, the longest first.

    What an earlier one could be given now is theirs. One that does not fit yet lets others pass
    for `patience` seconds; after that nobody takes what it lacks, until there is enough of it.
    """
    present = list(others)
    for rival in earlier:
        theirs = place(rival.flavor, capacity, present, settings)
        if isinstance(theirs, Placement):
            present.append(theirs)
        elif rival.waited >= settings.patience and _takes(flavor, theirs.scarce):
            problem = f"another Space has waited longer, and {theirs.problem}"
            return NoRoom(problem, scarce=theirs.scarce, position=len(earlier) + 1)
    found = place(flavor, capacity, present, settings)
    if isinstance(found, NoRoom) and not found.lasting:
        return replace(found, position=len(earlier) + 1)
    return found


def _takes(flavor: Flavor, scarce: str) -> bool:
    """Everything takes cores and memory; an accelerator only what is made for it."""
    return scarce in ("cpu", "memory", flavor.accelerator)


def _cut(asked: float, available: float) -> float:
    return min(asked, available) if available else asked


def _usable_memory(capacity: Capacity, settings: PlacementSettings) -> int:
    """At least half of the host, however small it is next to the reserve."""
    return max(capacity.memory - settings.memory_reserve, capacity.memory // 2)


def _exceeds(
    asked: float, capacity: float, promised: Iterable[float], overcommit: float | None
) -> bool:
    """An empty host takes one app in any case: a factor below one must not stop everything."""
    if overcommit is None or not capacity:
        return False
    total = sum(promised)
    return total > 0 and total + asked > capacity * overcommit
