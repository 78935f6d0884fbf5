"""The supervisor: a lane for each Space that anything is to be done for.

It follows the event log, sweeps everything at its start and every minute, and hears from the
engine. Nothing is stopped when it stops: the next one adopts what runs.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from config.catalogue import FREE_FLAVOR, Catalogue
from config.runtime import RuntimeSettings
from runtime.budget import enforce
from runtime.freezer import Freezer
from runtime.lane import Lane
from runtime.placement import Capacity
from runtime.pressure import Candidate, Memory
from runtime.prestart.keeper import Keeper
from runtime.prices import price_now
from runtime.proxy.routes import Route
from runtime.publisher import Publish, Publisher
from runtime.relief import Relief, read_cpu, read_memory
from runtime.secret_files import SecretFiles
from runtime.storage.keeping import Storage
from runtime.storage.needs import Sources
from runtime.storage.watch import StorageWatch
from runtime.tools import Host, NoTraffic, Secrets, Tools, TrafficSource
from runtime.turns import Turns, places
from spaceport.cause import Failure
from spaceport.engine import LABEL_REPLICA, LABEL_SPACE, Engine, EngineDown, Handle
from spaceport.errors import SpaceportError
from spaceport.follower import Follower
from spaceport.ledger import Ledger, grants, replicas, spaces
from spaceport.ledger.columns import now
from spaceport.ledger.database import Tx
from spaceport.ledger.overview import restless
from spaceport.ledger.replicas import Replica
from spaceport.ledger.spaces import Space
from spaceport.names import SpaceKey
from spaceport.pools import Pools
from spaceport.statement import micro_dollars

logger = logging.getLogger(__name__)

CURSOR = "runtime"


def _nothing_to_clean(_key: SpaceKey) -> None:
    """The harmless `cleanup`."""


class Supervisor:
    """One for each ledger and engine. Create it inside the loop, then `await run()`."""

    def __init__(
        self,
        ledger: Ledger,
        pools: Pools,
        engine: Engine,
        *,
        settings: RuntimeSettings,
        catalogue: Catalogue,
        instance: str,
        data: Path,
        hub_url: str,
        space_host: Callable[[str], str],
        secrets: Secrets,
        publish: Publish,
        traffic: TrafficSource | None = None,
        cleanup: Callable[[SpaceKey], None] = _nothing_to_clean,
        sources: Sources | None = None,
        read_memory: Callable[[], Memory | None] = read_memory,
        read_cpu: Callable[[], float | None] = read_cpu,
    ) -> None:
        """`publish` takes each new table of routes, on the loop. `cleanup` removes what a deleted
        Space left on disk before its row goes; it blocks and may be called again. `space_host`
        turns a host label into the public host; `sources` gives the files of volumes."""
        self._publisher = Publisher(ledger, pools, engine, publish, data=data, hub_url=hub_url)
        self._host = Host()
        traffic = traffic or NoTraffic()
        self._tools = Tools(
            ledger=ledger,
            pools=pools,
            engine=engine,
            publisher=self._publisher,
            traffic=traffic,
            settings=settings,
            catalogue=catalogue,
            instance=instance,
            data=data,
            hub_url=hub_url,
            space_host=space_host,
            secrets=secrets,
            secret_files=SecretFiles(instance),
            cleanup=cleanup,
            room_made=self._room_made,
            storage=Storage(ledger, data, settings.storage, sources),
            host=self._host,
            turns=Turns(self._places, settings.start.turn, traffic.awaited),
            relief=Relief(settings.memory, read_memory, settings.cpu, read_cpu),
            began=time.time(),
        )
        self._keeper = Keeper(self._tools)
        self._lanes: dict[SpaceKey, Lane] = {}
        self._errands: set[asyncio.Task[None]] = set()

    @property
    def freezer(self) -> Freezer:
        return self._publisher.freezer

    @property
    def storage(self) -> Storage:
        return self._tools.storage

    async def run(self) -> None:
        """Supervise until cancelled. Apps go on running after that."""
        ended = threading.Event()
        await self._publisher.load()
        relief = self._tools.relief.run(self._candidates, self._poke)
        watchers = [
            asyncio.create_task(self._hear_from_engine(ended)),
            asyncio.create_task(self._keeper.run()),
            asyncio.create_task(StorageWatch(self._tools, self._evict).run()),
            asyncio.create_task(relief),
        ]
        follower = Follower(
            CURSOR,
            self._tools.ledger,
            self._tools.pools,
            self._poke,
            self._sweep,
            sweep_seconds=self._tools.settings.sweep,
        )
        try:
            await follower.run()
        finally:
            ended.set()
            for watcher in watchers:
                watcher.cancel()
            await asyncio.gather(*watchers, *self._errands, return_exceptions=True)
            await asyncio.gather(*(lane.close() for lane in self._lanes.values()))
            self._tools.turns.close()
            await self.freezer.close()
            self._lanes.clear()

    def on_demand(self, route: Route) -> None:
        """A visitor came to a Space that sleeps: want it running. For `Proxy(on_demand=...)`."""
        errand = asyncio.get_running_loop().create_task(self._want_awake(route.space_key))
        self._errands.add(errand)
        errand.add_done_callback(self._errands.discard)

    async def _want_awake(self, key: SpaceKey) -> None:
        try:
            await self._tools.pools.run("db", self._wake, key)
        except Exception:
            logger.exception("Space %s could not be woken", key)

    def _wake(self, key: SpaceKey) -> None:
        with self._tools.ledger.write() as tx:
            spaces.wake(tx, key)

    # who looks

    async def _poke(self, key: SpaceKey) -> None:
        if key not in self._lanes:
            self._lanes[key] = Lane(key, self._tools)
        self._lanes[key].poke()
        self._keeper.poke()

    async def _sweep(self) -> Iterable[SpaceKey]:
        """Whoever may need something; and lanes that need nothing any more are let go."""
        for key in [key for key, lane in self._lanes.items() if lane.idle]:
            del self._lanes[key]
        await self._measure_host()
        await self._tools.pools.run("files", self._sweep_secret_files)
        await self._tools.pools.run("db", self._keep_accounts)
        await self._keep_guard()
        keys = await self._tools.pools.run("db", self._restless)
        return keys | await self._owners_of_containers()

    async def _keep_guard(self) -> None:
        """Somebody's firewall may have thrown the network policy away with its own rules."""
        try:
            await self._tools.pools.run("engine", self._tools.engine.guard)
        except EngineDown:
            return
        except SpaceportError as error:
            logger.error("the network policy is not in force: %s %s", error, error.hint)

    def _keep_accounts(self) -> None:
        budget = self._tools.settings.monthly_budget
        default = None if budget is None else micro_dollars(budget)
        with self._tools.ledger.write() as tx:
            grants.end_overdue(tx, FREE_FLAVOR)
            enforce(tx, self._price_of, default, now())

    def _price_of(self, tx: Tx, space: Space) -> int:
        return price_now(tx, self._tools.catalogue, space.key, space.flavor)

    def _sweep_secret_files(self) -> None:
        files = self._tools.secret_files
        laid = files.laid()
        if laid:
            with self._tools.ledger.read() as tx:
                laid -= {replica.id for replica in replicas.alive(tx)}
        for replica_id in laid:
            files.discard(replica_id)

    def _restless(self) -> set[SpaceKey]:
        with self._tools.ledger.read() as tx:
            return restless(tx)

    def _places(self) -> int:
        """How many apps may begin at the same time."""
        return self._tools.settings.start.at_once or places(self._host.capacity.cpus)

    def _candidates(self) -> list[Candidate]:
        """Nobody while the engine's memory is not that of this machine."""
        if not self._host.shares_memory:
            return []
        found = [lane.candidate() for lane in self._lanes.values()]
        return [one for one in found if one is not None]

    async def _measure_host(self) -> None:
        if self._host.capacity != Capacity():
            return
        with suppress(EngineDown):
            info = await self._tools.pools.run("engine", self._tools.engine.probe)
            self._host.capacity = Capacity.of(info, self._tools.settings.gpus or ())
            self._host.can_freeze = info.can_freeze
            self._host.one_user = info.one_user
            self._host.can_reclaim = info.can_reclaim
            self._host.shares_memory = info.local
            self._tools.secret_files.learn(info)
            self._host.can_prestart = info.can_prestart
            self._keeper.poke()

    async def _owners_of_containers(self) -> set[SpaceKey]:
        """The Spaces of all app containers; one whose Space is unknown is removed here."""
        pools, engine = self._tools.pools, self._tools.engine
        try:
            found = await pools.run("engine", engine.list, {})
            owned = {
                one.handle: one.labels.get(LABEL_SPACE, "")
                for one in found
                if LABEL_REPLICA in one.labels
            }
            known = await pools.run("db", self._known, set(owned.values()))
            for handle, key in owned.items():
                if key not in known:
                    await pools.run("engine", engine.remove, handle)
        except EngineDown:
            return set()
        return known

    def _known(self, keys: set[SpaceKey]) -> set[SpaceKey]:
        with self._tools.ledger.read() as tx:
            return keys & {*spaces.keys(tx), *spaces.keys(tx, deleted=True)}

    async def _hear_from_engine(self, ended: threading.Event) -> None:
        loop, tools = asyncio.get_running_loop(), self._tools

        def changed(handle: Handle) -> None:
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(self._poke_owner, handle)

        while True:
            try:
                await tools.pools.follow(tools.engine.watch, changed, ended.is_set)
            except Exception:
                logger.exception("the engine's events cannot be followed")
            for lane in self._lanes.values():
                lane.poke()  # for what was not heard meanwhile
            await asyncio.sleep(tools.settings.engine_retry)

    async def _evict(self, replica: Replica, failure: Failure) -> None:
        await self._poke(replica.space_key)
        self._lanes[replica.space_key].evict(replica.id, failure)

    def _room_made(self) -> None:
        for lane in self._lanes.values():
            if lane.waits_for_room:
                lane.poke()

    def _poke_owner(self, handle: Handle) -> None:
        for lane in self._lanes.values():
            if lane.watches(handle):
                lane.poke()
