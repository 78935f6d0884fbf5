"""Looks every few seconds at what Spaces keep on the host's disk (RUN-06, 3.7.6).

Storage that nobody holds is unmounted, what was deleted goes, the host's reserve is kept, and an
app that wrote more into its own root than its hardware has is stopped with a cause.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from config.catalogue import Catalogue
from runtime.storage import ext4
from runtime.tools import Tools
from spaceport.cause import Cause, Failure
from spaceport.engine import EngineDown, Handle
from spaceport.ledger import releases, replicas
from spaceport.ledger.replicas import Replica
from spaceport.ledger.volumes import held_scratch
from spaceport.states import ReplicaState

logger = logging.getLogger(__name__)

FULL = 0.99  # of a file system: the last blocks are not always to be had
Evict = Callable[[Replica, Failure], Awaitable[None]]


@dataclass(frozen=True)
class Occupant:
    """A living replica and the flavour of its release."""

    replica: Replica
    flavor: str


class StorageWatch:
    """Level triggered: each look finds all that is to be done, whatever the last one did."""

    def __init__(self, tools: Tools, evict: Evict) -> None:
        self._tools = tools
        self._evict = evict

    async def run(self) -> None:
        """Until cancelled."""
        storage, pools = self._tools.storage, self._tools.pools
        while True:
            try:
                await pools.run("files", storage.disks.keep_reserve)
                await pools.run("files", storage.sweep)
                await self._look_at_roots()
            except EngineDown:
                pass  # others see to it
            except Exception:
                logger.exception("the storage could not be looked after")
            await asyncio.sleep(self._tools.settings.storage.watch)

    async def _look_at_roots(self) -> None:
        tools = self._tools
        written = await tools.pools.run("engine", tools.engine.written)
        occupants = await tools.pools.run("db", self._occupants)
        full = await tools.pools.run("files", self._with_full_disks, occupants)
        for replica, failure in over_limit(occupants, written, full, tools.catalogue):
            logger.warning("replica %s is stopped: %s", replica.id, failure.explain().sentence)
            await self._evict(replica, failure)

    def _occupants(self) -> list[Occupant]:
        with self._tools.ledger.read() as tx:
            return [
                Occupant(replica, releases.get(tx, replica.release_id).flavor)
                for replica in replicas.alive(tx)
                if replica.state is not ReplicaState.DRAINING
            ]

    def _with_full_disks(self, occupants: list[Occupant]) -> set[str]:
        mounted, found = self._tools.storage.disks.mounted(), set()
        for one in occupants:
            scratch = held_scratch(one.replica.holds)
            if scratch in mounted:
                # The kernel's word: a superblock tells nothing true while it is being mounted.
                filled = ext4.filled(Path(mounted[scratch].target))
                if filled.used >= filled.size * FULL:
                    found.add(one.replica.id)
        return found


def over_limit(
    occupants: list[Occupant],
    written: Mapping[Handle, int],
    full: Collection[str],
    catalogue: Catalogue,
) -> list[tuple[Replica, Failure]]:
    """Who wrote as much as the flavour's disk holds: by the engine, or a full scratch disk. Pure.

    `full` are ids of replicas.
    """
    found = []
    for one in occupants:
        if not catalogue.has_flavor(one.flavor):
            continue
        flavor = catalogue.flavor(one.flavor)
        size = written.get(one.replica.handle or "", 0)
        if size >= flavor.disk_bytes or one.replica.id in full:
            found.append((one.replica, Failure(Cause.OUT_OF_DISK, {"limit": f"{flavor.disk}G"})))
    return found
