"""Follow the event log from a durable cursor, level triggered.

A follower is told which Space to look at, never what to do: a lost or repeated event costs time,
not correctness. It sweeps all Spaces at its start and every minute.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress

from spaceport.ledger import Ledger
from spaceport.ledger import events as log
from spaceport.names import SpaceKey
from spaceport.pools import Pools

logger = logging.getLogger(__name__)

Look = Callable[[SpaceKey], Awaitable[None]]
Sweep = Callable[[], Awaitable[Iterable[SpaceKey]]]

SWEEP_SECONDS = 60.0
POLL_SECONDS = 0.5  # for what another process wrote; our own writes wake us at once
TRIES = 3


class Follower:
    """Calls `look(space_key)` for every Space that an event of one of `kinds` names.

    `sweep` returns the Spaces to look at besides. `look` must be quick (poke a lane) and safe to
    repeat. An event whose `look` raises three times is set aside as a dead letter, and the log
    goes on.
    """

    def __init__(
        self,
        name: str,
        ledger: Ledger,
        pools: Pools,
        look: Look,
        sweep: Sweep,
        *,
        kinds: Iterable[log.EventKind] | None = None,
        sweep_seconds: float = SWEEP_SECONDS,
    ) -> None:
        self._name = name
        self._ledger = ledger
        self._pools = pools
        self._look = look
        self._sweep = sweep
        self._kinds = None if kinds is None else frozenset(kinds)
        self._sweep_seconds = sweep_seconds
        self._seq = 0
        self._wake = asyncio.Event()

    async def run(self) -> None:
        """Follow until cancelled."""
        loop = asyncio.get_running_loop()

        def wake() -> None:
            # The loop may be closing while a last thread still writes.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(self._wake.set)

        unlisten = self._ledger.listen(wake)
        try:
            # The cursor first: what is written during the sweep is then seen again, not missed.
            self._seq = await self._pools.run("db", self._start)
            await self._sweep_all()
            swept = loop.time()
            while True:
                self._wake.clear()
                while await self._follow():
                    pass
                if loop.time() - swept >= self._sweep_seconds:
                    await self._sweep_all()
                    swept = loop.time()
                # Not `wait_for`: that of Python 3.11 loses a cancellation that meets the wake-up.
                with suppress(TimeoutError):
                    async with asyncio.timeout(POLL_SECONDS):
                        await self._wake.wait()
        finally:
            unlisten()

    def _start(self) -> int:
        with self._ledger.read() as tx:
            found = log.cursor(tx, self._name)
            seq = log.last_seq(tx) if found is None else found
        if found is None:
            with self._ledger.write() as tx:
                log.move_cursor(tx, self._name, seq)
        return seq

    async def _follow(self) -> bool:
        """Deal with the next batch; false when there was none."""
        batch = await self._pools.run("db", self._next)
        if not batch:
            return False
        newest: dict[SpaceKey, int] = {}
        for event in batch:
            if event.space_key and (self._kinds is None or event.kind in self._kinds):
                newest[event.space_key] = event.seq
        for key, seq in newest.items():
            await self._try(key, seq)
        self._seq = batch[-1].seq
        if newest:
            # A batch of others' events is not worth a write: reading it again is harmless.
            await self._pools.run("db", self._remember, self._seq)
        return True

    def _next(self) -> list[log.Event]:
        with self._ledger.read() as tx:
            return log.after(tx, self._seq)

    def _remember(self, seq: int) -> None:
        with self._ledger.write() as tx:
            log.move_cursor(tx, self._name, seq)

    async def _try(self, key: SpaceKey, seq: int) -> None:
        for attempt in range(1, TRIES + 1):
            try:
                await self._look(key)
                return
            except Exception as error:
                logger.exception("%s: look at %s failed (%d)", self._name, key, attempt)
                last = error
        await self._pools.run("db", self._bury, key, seq, repr(last))

    def _bury(self, key: SpaceKey, seq: int, error: str) -> None:
        with self._ledger.write() as tx:
            log.bury(tx, self._name, seq, key, error)

    async def _sweep_all(self) -> None:
        try:
            keys = list(await self._sweep())
        except Exception:
            logger.exception("%s: sweep failed", self._name)
            return
        for key in keys:
            await self._try(key, self._seq)
