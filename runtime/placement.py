"""Placement: a flavour granted on what the host really has, as a pure function.

A flavour larger than the host is cut down to it, so that a small machine runs the free hardware
too. Cores and memory may be promised several times over (a setting), GPUs never.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from config.catalogue import Flavor
from config.runtime import PlacementSettings
from spaceport.engine import EngineInfo

GIB = 1024**3
MIB = 1024**2


@dataclass(frozen=True)
class Capacity:
    """What the host has; memory in bytes. Zero means unknown, and then nothing is refused."""

    cpus: float = 0
    memory: int = 0
    gpus: tuple[str, ...] = ()  # device ids

    @classmethod
    def of(cls, info: EngineInfo) -> Capacity:
        return cls(cpus=info.cpus, memory=info.memory)


@dataclass(frozen=True)
class Placement:
    """What one replica was granted; kept with its row."""

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
    """Why there is no placement. `lasting`: waiting does not help, the host lacks it."""

    problem: str
    lasting: bool = False


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
    if flavor.gpus > len(capacity.gpus):
        return NoRoom(f"this server has no {flavor.gpus}x {flavor.accelerator}", lasting=True)
    if _exceeds(cpus, capacity.cpus, (one.cpus for one in present), settings.cpu_overcommit):
        return NoRoom("all CPU cores are promised to other apps")
    if _exceeds(
        memory, capacity.memory, (one.memory for one in present), settings.memory_overcommit
    ):
        return NoRoom("all memory is promised to other apps")
    taken = {gpu for one in present for gpu in one.gpus}
    free = [gpu for gpu in capacity.gpus if gpu not in taken]
    if len(free) < flavor.gpus:
        return NoRoom(f"every {flavor.accelerator} is in use")
    return Placement(cpus=cpus, memory=memory, gpus=tuple(free[: flavor.gpus]))


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
