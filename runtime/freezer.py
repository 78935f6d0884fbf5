"""Freezing and thawing replicas: the ledger, the route and the engine, in an order that is safe.

Freezing: the row says FROZEN, the proxy has the route, and only then the container is held; a
request that comes at any moment of this finds either a running app or the way to `thaw`. Thawing:
the container first, the requests go on, then the row. Whatever is lost in between is found by the
next look at row and container (`ladder.disagreement`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from weakref import WeakValueDictionary

from runtime.proxy.routes import Thaw
from spaceport.engine import Engine, EngineDown, Handle
from spaceport.failpoints import failpoint
from spaceport.ledger import Ledger, replicas
from spaceport.ledger.database import Tx
from spaceport.ledger.replicas import Replica
from spaceport.names import SpaceKey
from spaceport.pools import Pools
from spaceport.states import REPLICA_MOVES, ReplicaState

logger = logging.getLogger(__name__)


def frozen(tx: Tx, replica_id: str) -> bool:
    """Note that a replica is about to be held; false when it does not serve any more."""
    return _move(tx, replicas.get(tx, replica_id), ReplicaState.FROZEN)


def ready_again(tx: Tx, replica_id: str) -> bool:
    """Note that a frozen replica goes on; false for one that is not frozen."""
    replica = replicas.get(tx, replica_id)
    return replica.state is ReplicaState.FROZEN and _move(tx, replica, ReplicaState.READY)


def dismissed(tx: Tx, replica_id: str) -> bool:
    """Note that a replica is not to serve any more, so that another one is started."""
    return _move(tx, replicas.get(tx, replica_id), ReplicaState.DRAINING)


def _move(tx: Tx, replica: Replica, state: ReplicaState) -> bool:
    return state in REPLICA_MOVES[replica.state] and replicas.move(tx, replica, state)


class Freezer:
    """One for each process; use it from its loop. `refresh` publishes a Space's present route."""

    def __init__(
        self,
        ledger: Ledger,
        pools: Pools,
        engine: Engine,
        refresh: Callable[[SpaceKey], Awaitable[None]],
    ) -> None:
        self.thaws = 0  # begun since the start of the process
        self.thawed: Callable[[float], None] = _nobody_counts  # takes the seconds that one took
        self._ledger = ledger
        self._pools = pools
        self._engine = engine
        self._refresh = refresh
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._thawing: dict[str, asyncio.Future[None]] = {}
        self._errands: set[asyncio.Task[None]] = set()
        self._turn = asyncio.Lock()  # to swap out

    async def freeze(
        self, key: SpaceKey, replica_id: str, handle: Handle, unused: Callable[[], bool]
    ) -> None:
        """Hold a replica, unless `unused` says meanwhile that somebody came.

        Raises what `Engine.freeze` does; after `EngineDown` nobody knows, and the row stays.
        """
        if not await self._note(frozen, key, replica_id):
            return
        failpoint("runtime:before-freeze")
        async with self._lock(replica_id):
            held = False
            try:
                if unused():
                    await self._pools.run("dial", self._engine.freeze, handle)
                    held = True
            except EngineDown:
                held = True
                raise
            finally:
                if not held:
                    await self._note(ready_again, key, replica_id)
        failpoint("runtime:after-freeze")

    async def swap_out(self, replica_id: str, handle: Handle, unused: Callable[[], bool]) -> None:
        """Push the memory of a frozen replica out, unless somebody came meanwhile.

        One after the other, or many would keep the disk from those who come back. Nobody waits
        for it: a thaw may come in between. Raises what `Engine.reclaim` does.
        """
        async with self._turn:
            if replica_id not in self._thawing and unused():
                await self._pools.run("engine", self._engine.reclaim, handle)

    def thaw_of(self, replica: Replica) -> Thaw:
        """`thaw` of one replica, for its route."""

        async def thaw() -> None:
            await self.thaw(replica.space_key, replica.id, replica.handle or "")

        return thaw

    async def thaw(self, key: SpaceKey, replica_id: str, handle: Handle) -> None:
        """Return when the processes go on; all who ask at the same time wait for one thaw.

        One that cannot be thawed is dismissed, another is started, and the error is raised:
        `EngineDown` apart, as the engine may come back with the container.
        """
        under_way = self._thawing.get(replica_id)
        if under_way is None:
            under_way = asyncio.get_running_loop().create_future()
            under_way.add_done_callback(_take_notice)
            self._thawing[replica_id] = under_way
            errand = asyncio.create_task(self._thaw(key, replica_id, handle, under_way))
            self._errands.add(errand)
            errand.add_done_callback(self._errands.discard)
        await asyncio.shield(under_way)

    async def close(self) -> None:
        """Let thaws that are under way come to their end."""
        await asyncio.gather(*self._errands, return_exceptions=True)

    async def _thaw(
        self, key: SpaceKey, replica_id: str, handle: Handle, under_way: asyncio.Future[None]
    ) -> None:
        self.thaws += 1
        began = asyncio.get_running_loop().time()
        try:
            async with self._lock(replica_id):
                await self._pools.run("dial", self._go_on, handle)
            under_way.set_result(None)  # requests need not wait for the ledger
            self.thawed(asyncio.get_running_loop().time() - began)
            await self._note(ready_again, key, replica_id)
        except EngineDown as error:
            _fail(under_way, error)
        except Exception as error:
            if under_way.done():
                logger.exception("the thaw of replica %s could not be noted", replica_id)
                return
            logger.warning("replica %s cannot be thawed and is replaced: %s", replica_id, error)
            await self._dismiss(key, replica_id)
            _fail(under_way, error)
        finally:
            self._thawing.pop(replica_id, None)
            if not under_way.done():
                under_way.cancel()

    def _go_on(self, handle: Handle) -> None:
        failpoint("runtime:before-thaw")
        self._engine.thaw(handle)

    async def _dismiss(self, key: SpaceKey, replica_id: str) -> None:
        try:
            await self._note(dismissed, key, replica_id)
        except Exception:
            logger.exception("replica %s could not be dismissed", replica_id)

    async def _note(self, move: Callable[[Tx, str], bool], key: SpaceKey, replica_id: str) -> bool:
        moved = await self._pools.run("db", self._write, move, replica_id)
        await self._refresh(key)
        return moved

    def _write(self, move: Callable[[Tx, str], bool], replica_id: str) -> bool:
        with self._ledger.write() as tx:
            try:
                return move(tx, replica_id)
            except LookupError:
                return False  # purged meanwhile

    def _lock(self, replica_id: str) -> asyncio.Lock:
        return self._locks.setdefault(replica_id, asyncio.Lock())


def _nobody_counts(seconds: float) -> None:
    """The harmless `thawed`."""


def _fail(future: asyncio.Future[None], error: BaseException) -> None:
    if not future.done():
        future.set_exception(error)


def _take_notice(future: asyncio.Future[None]) -> None:
    """An error that nobody waited for is logged where it happened, not when it is collected."""
    if not future.cancelled():
        future.exception()
