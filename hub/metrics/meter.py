"""A look at what one replica uses now. Looking is no use: it neither wakes nor thaws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from hub.metrics.of_gpus import GpuMeter, GpuUse
from spaceport.engine import Engine, NoSuchContainer, Usage
from spaceport.ledger.replicas import Replica
from spaceport.names import SpaceKey


@dataclass(frozen=True)
class Requests:
    """Of one Space. `total`: since the start of the process, as `latency`, which counts some of
    them by how long they waited for the first byte (`runtime.proxy.latency`)."""

    open: int = 0
    websockets: int = 0
    total: int = 0
    latency: tuple[int, ...] = ()

    def latency_since(self, before: Requests) -> tuple[int, ...]:
        """Of those between; of all when the counting began anew."""
        anew = sum(self.latency) < sum(before.latency)
        if anew or not self.latency or not before.latency:
            return self.latency
        return tuple(new - old for old, new in zip(before.latency, self.latency, strict=True))


class Visits(Protocol):
    """The proxy, as far as it counts."""

    def visits(self, space_key: SpaceKey) -> tuple[int, int, int, tuple[int, ...]]:
        """See the fields of `Requests`."""


@dataclass(frozen=True)
class Meter:
    """Where the figures come from."""

    engine: Engine
    visits: Visits
    gpus: GpuMeter = field(default_factory=GpuMeter)


@dataclass(frozen=True)
class Sample:
    """One look at a replica; `at` in seconds of a clock that only goes forward."""

    at: float
    replica: str
    usage: Usage
    requests: Requests
    gpus: tuple[GpuUse, ...] = ()


def measurable(alive: Sequence[Replica]) -> Replica | None:
    """Of one Space's replicas the newest that answers, else the newest that has a container."""
    own = [replica for replica in alive if replica.handle is not None]
    return next(
        (one for one in reversed(own) if one.ready_at is not None), own[-1] if own else None
    )


def look(engine: Engine, replica: Replica) -> Usage | None:
    """None when it has ended. Raises `EngineDown`. Blocks."""
    try:
        return engine.usage(replica.handle or "")
    except NoSuchContainer:
        return None
