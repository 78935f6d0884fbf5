"""Writes down what Spaces use: looks every few seconds, one row for each Space and minute.

What does not run is neither looked at nor written about, so sleeping Spaces cost nothing. Losing a
minute at a restart is all that can go wrong; the coarse rows are made of the fine ones, also late.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from hub.metrics.meter import Meter, Requests, Sample, look, measurable
from runtime.placement import Placement
from spaceport.engine import EngineDown, Usage
from spaceport.ledger import Ledger, figures, replicas, spaces
from spaceport.ledger.columns import now as utc_now
from spaceport.ledger.figures import FINE, Used, added, slot
from spaceport.ledger.replicas import Replica
from spaceport.names import SpaceKey
from spaceport.pools import Pools

logger = logging.getLogger(__name__)

EVERY = 12.0  # seconds between looks


@dataclass
class Minute:
    """What is known of one Space in the present minute; `add` is told of two looks in a row."""

    seconds: float = 0.0
    cpu_seconds: float = 0.0
    cpus: float = 0.0
    memory: float = 0.0  # byte-seconds
    memory_peak: int = 0
    memory_limit: int = 0
    disk: int | None = None
    received: int = 0
    sent: int = 0
    requests: int = 0
    latency: tuple[int, ...] = field(default=())

    def add(self, before: Sample, now: Sample, cpus: float) -> None:
        """Counters that went back began anew: of them nothing is told."""
        seconds, used, was = now.at - before.at, now.usage, before.usage
        self.seconds += seconds
        self.cpu_seconds += max(0.0, used.cpu_seconds - was.cpu_seconds)
        self.cpus = max(self.cpus, cpus)
        self.memory += used.memory * seconds
        self.memory_peak = max(self.memory_peak, used.memory)
        self.memory_limit = max(self.memory_limit, used.memory_limit or 0)
        if used.disk is not None:
            self.disk = max(self.disk or 0, used.disk)
        self.received += _more(was.received, used.received)
        self.sent += _more(was.sent, used.sent)
        self.requests += _more(before.requests.total, now.requests.total)
        self.latency = added((self.latency, now.requests.latency_since(before.requests)))

    def row(self, key: SpaceKey, at: datetime) -> Used:
        return Used(
            space_key=key,
            span=FINE,
            at=at,
            seconds=self.seconds,
            cpu_seconds=self.cpu_seconds,
            cpus=self.cpus,
            memory=round(self.memory / self.seconds) if self.seconds else 0,
            memory_peak=self.memory_peak,
            memory_limit=self.memory_limit,
            disk=self.disk,
            received=self.received,
            sent=self.sent,
            requests=self.requests,
            latency=self.latency,
        )


class Recorder:
    """Create it where the proxy's loop is, then `await run()`."""

    def __init__(self, ledger: Ledger, pools: Pools, meter: Meter, every: float = EVERY) -> None:
        self._ledger = ledger
        self._pools = pools
        self._meter = meter
        self._every = every
        self._before: dict[SpaceKey, Sample] = {}
        self._minutes: dict[SpaceKey, Minute] = {}
        self._at: datetime | None = None  # the minute that is gathered
        self._rolled: datetime | None = None

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self.look(utc_now())
            await asyncio.sleep(self._every)

    async def look(self, now: datetime) -> None:
        """One look at everything that runs, and what it makes due."""
        serving = await self._pools.run("db", self._serving)
        found = await self._pools.run("dial", self._read, serving)
        if self._at is not None and slot(now, FINE) != self._at:
            await self._pools.run("db", self._write, self._at, self._minutes, now)
            self._minutes = {}
        self._at = slot(now, FINE)
        samples = {
            key: Sample(at, replica.id, used, Requests(*self._meter.visits.visits(key)))
            for key, (at, replica, used) in found.items()
        }
        for key, sample in samples.items():
            before = self._before.get(key)
            if before is not None and before.replica == sample.replica:
                cpus = Placement.from_json(serving[key].placement).cpus
                self._minutes.setdefault(key, Minute()).add(before, sample, cpus)
        self._before = samples

    def _serving(self) -> dict[SpaceKey, Replica]:
        """The one of each Space that answers; draining ones are not worth a figure."""
        with self._ledger.read() as tx:
            alive = replicas.alive(tx)
        found: dict[SpaceKey, list[Replica]] = {}
        for replica in alive:
            found.setdefault(replica.space_key, []).append(replica)
        chosen = {key: measurable(each) for key, each in found.items()}
        return {key: replica for key, replica in chosen.items() if replica is not None}

    def _read(
        self, serving: Mapping[SpaceKey, Replica]
    ) -> dict[SpaceKey, tuple[float, Replica, Usage]]:
        found = {}
        for key, replica in serving.items():
            try:
                used = look(self._meter.engine, replica)
            except EngineDown:
                return {}
            if used is not None:
                found[key] = (time.monotonic(), replica, used)
        return found

    def _write(self, at: datetime, minutes: Mapping[SpaceKey, Minute], now: datetime) -> None:
        rows = [minute.row(key, at) for key, minute in minutes.items()]
        quarter = slot(now, figures.COARSE)
        due = quarter != self._rolled
        if not rows and not due:
            return
        with self._ledger.read() as tx:
            known = set(spaces.keys(tx)) if rows else set()
            coarse = figures.lacking(tx, now) if due else []
        rows = [row for row in rows if row.space_key in known]
        if rows or coarse:
            with self._ledger.write() as tx:
                figures.add(tx, [*rows, *coarse])
        if due:
            with self._ledger.write() as tx:
                figures.forget(tx, now)
            self._rolled = quarter


def _more(before: int | None, now: int | None) -> int:
    return 0 if before is None or now is None else max(0, now - before)
