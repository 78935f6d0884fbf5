"""One lane per Space: look, decide, act, until there is nothing left to do; then wait.

Level triggered: `poke` says *look*, never what to do. The memory of a lane (who watches which
replica, since when one drains) can be lost at any time: ledger and engine say all that matters.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from runtime import act, steps
from runtime.decide import decide
from runtime.facts import Facts, read_facts
from runtime.pressure import Candidate
from runtime.swapping import Swapping
from runtime.tools import Tools
from runtime.use import candidate_of, use_of
from runtime.view import End, Sighting, View
from runtime.watches import Watches
from spaceport.cause import Failure
from spaceport.engine import (
    LABEL_REPLICA,
    LABEL_SPACE,
    EngineDown,
    EngineRefused,
    Handle,
    NoSuchContainer,
    Observed,
)
from spaceport.errors import NotFound
from spaceport.ledger.columns import now
from spaceport.ledger.replicas import Replica
from spaceport.names import SpaceKey
from spaceport.states import ReplicaState

logger = logging.getLogger(__name__)

MOST_ROUNDS = 40  # looks in a row; more would mean that steps do not do what was decided
RETRY = 5.0  # seconds, after an error that nobody foresaw
LOG_PATIENCE = 5.0  # seconds for the last lines of a stopped container


class Lane:
    """`idle` when it neither works nor watches anything: it may be thrown away then."""

    def __init__(self, key: SpaceKey, tools: Tools) -> None:
        self.key = key
        self._tools = tools
        self._wake = asyncio.Event()
        self.waits_for_room = False
        self._closed = False
        self._task: asyncio.Task[None] | None = None
        self._watches = Watches(tools, self.poke)
        self._draining: dict[str, float] = {}  # replica id → time of the loop
        self._refused: dict[str, End] = {}  # replica id → the engine would not start it
        self._unfreezable: dict[str, str] = {}  # replica id → why the engine would not freeze it
        self._evicted: dict[str, Failure] = {}  # replica id → it fills the host's disk
        self._stopping: dict[str, asyncio.Task[None]] = {}  # by replica id
        self._swapping = Swapping(key, tools, self.poke)
        self._seen: View | None = None

    def poke(self) -> None:
        """Look again, now or right after what is being done."""
        if self._closed:
            return
        self._wake.set()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())

    def evict(self, replica_id: str, failure: Failure) -> None:
        """Stop a replica that does the host harm."""
        self._evicted[replica_id] = failure
        self.poke()

    @property
    def idle(self) -> bool:
        at_work = self._task is not None and not self._task.done()
        waits = self._stopping or self._tools.turns.waits(self.key)
        return not at_work and not self._watches and not waits

    def watches(self, handle: Handle) -> bool:
        return self._watches.has(handle)

    def candidate(self) -> Candidate | None:
        """What may be asked of it when memory is short, as of its last look."""
        return None if self._seen is None else candidate_of(self._seen, self._tools)

    async def close(self) -> None:
        """End all tasks; what runs goes on running."""
        self._closed = True
        tasks = [*self._stopping.values(), *([self._task] if self._task else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._swapping.close()
        await self._watches.close()

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            try:
                again = await self._settle()
            except EngineDown:
                again = self._tools.settings.engine_retry
            except Exception:
                logger.exception("the lane of Space %s failed", self.key)
                again = RETRY
            if again is None and not self._wake.is_set():
                return
            # not `wait_for`: a poke at the moment of a cancellation would make it forget the latter
            with suppress(TimeoutError):
                async with asyncio.timeout(again):
                    await self._wake.wait()

    async def _settle(self) -> float | None:
        """Act until nothing is due; after how many seconds something may be, if anything."""
        for _ in range(MOST_ROUNDS):
            await self._tools.publisher.refresh(self.key)
            view = await self._look()
            if view is None:
                self._tools.turns.leave(self.key)
                return None
            decision = decide(view)
            self._keep_turn(view, decision.steps)
            due = [step for step in decision.steps if not self._under_way(step)]
            if not due:
                return decision.again
            for step in due:
                await self._act(step)
        logger.error("Space %s does not settle: %s", self.key, due)
        return RETRY

    def _under_way(self, step: steps.Step) -> bool:
        if self._swapping.under_way(step):
            return True
        if isinstance(step, steps.Start):
            return not self._tools.turns.may_begin(self.key, self.poke)
        return isinstance(step, steps.Stop) and step.replica_id in self._stopping

    def _keep_turn(self, view: View, due: tuple[steps.Step, ...]) -> None:
        """Whoever neither begins nor is about to lets the next one begin."""
        begins = any(one.state is ReplicaState.STARTING for one in view.overview.replicas)
        if not begins and not any(isinstance(step, steps.Start) for step in due):
            self._tools.turns.leave(self.key)

    # looking

    async def _look(self) -> View | None:
        tools = self._tools
        facts = await tools.pools.run("db", self._read)
        if facts is None:
            return None
        self.waits_for_room = facts.room.failure is not None
        found = await self._containers(facts)
        living = {replica.id: replica for replica in facts.overview.replicas}
        claimed = {} if found is None else by_replica(found, living)
        await self._watches.keep_up(facts.overview, claimed if found is not None else None)
        self._forget_all_but(living)
        self._swapping.keep_up(living)
        unknown = () if found is None else strays(found, claimed)
        use = use_of(facts.overview, tools)
        self._seen = View(
            now=now(),
            overview=facts.overview,
            settings=tools.settings,
            engine_up=found is not None,
            sightings={key: self._sight(living[key], claimed.get(key)) for key in living},
            strays=unknown,
            fresh=facts.fresh,
            gone=facts.gone,
            room=facts.room,
            idle_seconds=use.idle_seconds,
            sleep_after=use.sleep_after,
            freeze_after=use.freeze_after,
            swap_after=use.swap_after,
        )
        return self._seen

    def _read(self) -> Facts | None:
        with self._tools.ledger.read() as tx:
            try:
                return read_facts(tx, self.key, self._tools)
            except NotFound:
                return None

    async def _containers(self, facts: Facts) -> list[Observed] | None:
        """None while the engine does not answer."""
        handles = [replica.handle for replica in facts.overview.replicas if replica.handle]
        gone = facts.gone.handle if facts.gone is not None else None
        if gone is not None and self._tools.prestarted.gave(gone):
            handles.append(gone)
        try:
            return await self._tools.pools.run("engine", self._own, handles)
        except EngineDown:
            return None

    def _own(self, noted: list[Handle]) -> list[Observed]:
        """Ours by label; and those that waited for being ours, which only the ledger tells."""
        engine = self._tools.engine
        found = [one for one in engine.list({LABEL_SPACE: self.key}) if LABEL_REPLICA in one.labels]
        for handle in set(noted) - {one.handle for one in found}:
            with suppress(NoSuchContainer):
                found.append(engine.inspect(handle))
        return found

    def _sight(self, replica: Replica, container: Observed | None) -> Sighting:
        loop, watch = asyncio.get_running_loop(), self._watches.of(replica.id)
        draining = replica.state is ReplicaState.DRAINING
        since = self._draining.setdefault(replica.id, loop.time()) if draining else loop.time()
        seen = Sighting(
            container=container,
            end=self._refused.get(replica.id),
            draining_for=loop.time() - since,
            in_flight=self._tools.traffic.in_flight(replica.id),
            unfreezable=replica.id in self._unfreezable,
            evicted=self._evicted.get(replica.id),
            swapped=self._swapping.out(replica.id),
        )
        return seen if watch is None else watch.sight(seen)

    def _forget_all_but(self, living: dict[str, Replica]) -> None:
        memories: list[dict[str, Any]] = [self._draining, self._refused]
        memories += [self._unfreezable, self._evicted]
        for memory in memories:
            for replica_id in memory.keys() - living.keys():
                del memory[replica_id]

    # acting

    async def _act(self, step: steps.Step) -> None:
        tools = self._tools
        match step:
            case steps.Start(release_id):
                await self._start(release_id)
            case steps.Stop():
                self._stopping[step.replica_id] = asyncio.create_task(self._stop(step))
            case steps.Remove(handle):
                await tools.pools.run("engine", tools.engine.remove, handle)
            case steps.Freeze():
                await self._freeze(step)
            case steps.SwapOut():
                self._swapping.begin(step, self._unused(step.replica_id))
            case steps.Thaw(replica_id, handle):
                with suppress(NoSuchContainer, EngineRefused, OSError):  # then it was dismissed
                    await tools.publisher.freezer.thaw(self.key, replica_id, handle)
            case steps.Purge():
                await tools.pools.run("files", act.purge, tools, self.key)
            case _:
                await tools.pools.run("db", act.write, tools, self.key, step)
                await self._after_write(step)

    async def _after_write(self, step: steps.Step) -> None:
        """A drained replica's WebSockets would live for ever: they reconnect to the new route."""
        if isinstance(step, steps.Gone | steps.Crashed | steps.Fail):
            self._tools.room_made()
        if not isinstance(step, steps.Promote | steps.Drain):
            return
        await self._tools.publisher.refresh(self.key)
        facts = await self._tools.pools.run("db", self._read)
        for replica in facts.overview.replicas if facts else ():
            if replica.state is ReplicaState.DRAINING:
                self._tools.traffic.cut(replica.id, websockets_only=True)

    def _unused(self, replica_id: str) -> Callable[[], bool]:
        """Asked right before it is held, or pushed out: did somebody come meanwhile?"""
        traffic = self._tools.traffic
        return lambda: not traffic.open_connections(self.key) and not traffic.in_flight(replica_id)

    async def _freeze(self, step: steps.Freeze) -> None:
        unused = self._unused(step.replica_id)
        try:
            await self._tools.publisher.freezer.freeze(
                self.key, step.replica_id, step.handle, unused
            )
        except NoSuchContainer:
            return  # the next look finds that it has ended
        except (EngineRefused, OSError) as error:
            logger.warning("replica %s is not frozen: %s", step.replica_id, error)
            self._unfreezable[step.replica_id] = str(error)

    async def _start(self, release_id: str) -> None:
        tools = self._tools
        started = await tools.pools.run("engine", act.start, tools, self.key, release_id)
        if started is None:
            return
        tools.room_made()  # those behind it in the queue moved up
        facts = await tools.pools.run("db", self._read)
        if facts is None:
            return
        watch = await self._watches.add(facts.overview, started.replica)
        if started.failure is not None:
            self._refused[started.replica.id] = End(started.failure)
            watch.refused(started.failure)
        else:
            watch.started_by_us()

    async def _stop(self, step: steps.Stop) -> None:
        tools, watch = self._tools, self._watches.of(step.replica_id)
        if watch is not None:
            watch.dismissed = True
        try:
            tools.traffic.cut(step.replica_id)
            grace = 0.0 if step.replica_id in self._evicted else tools.settings.stop.grace
            await tools.pools.follow(act.stop, tools, step, grace)
            if watch is not None:
                await watch.finished(LOG_PATIENCE)
            await tools.pools.run("engine", tools.engine.remove, step.handle)
            await tools.pools.run("db", act.gone, tools, step.replica_id)
            tools.room_made()
        except EngineDown:
            await asyncio.sleep(tools.settings.engine_retry)
        except Exception:
            logger.exception("replica %s could not be stopped", step.replica_id)
            await asyncio.sleep(RETRY)
        finally:
            self._stopping.pop(step.replica_id, None)
            self.poke()


def by_replica(found: list[Observed], living: dict[str, Replica]) -> dict[str, Observed]:
    """Which container is which replica: by the handle noted, else by the label."""
    handles = {replica.handle: replica.id for replica in living.values() if replica.handle}
    claimed: dict[str, Observed] = {}
    for one in found:
        replica_id = handles.get(one.handle)
        label = one.labels.get(LABEL_REPLICA, "")
        if replica_id is None and label in living and living[label].handle is None:
            replica_id = label
        if replica_id is not None:
            claimed[replica_id] = one
    return claimed


def strays(found: list[Observed], claimed: dict[str, Observed]) -> tuple[Handle, ...]:
    """Containers that no living replica claims."""
    known = {one.handle for one in claimed.values()}
    return tuple(one.handle for one in found if one.handle not in known)
