"""Tells streams that something of their Space was written: one reader of the log for all of them.

An event says *look now*. It reads only while somebody listens, from the present end of the log:
what a stream shows at its beginning it has read itself.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from spaceport.ledger import Ledger, events
from spaceport.names import SpaceKey
from spaceport.pools import Pools

logger = logging.getLogger(__name__)

POLL = 0.5  # seconds, for what another process wrote; our own writes are known at once


class Changes:
    """Use it on one loop."""

    def __init__(self, ledger: Ledger, pools: Pools) -> None:
        self._ledger = ledger
        self._pools = pools
        self._waiting: dict[SpaceKey, set[asyncio.Event]] = {}
        self._reader: asyncio.Task[None] | None = None

    @contextmanager
    def of(self, key: SpaceKey) -> Iterator[asyncio.Event]:
        """An event that is set by every change of the Space, also by those that are sought."""
        changed = asyncio.Event()
        self._waiting.setdefault(key, set()).add(changed)
        if self._reader is None or self._reader.done():
            self._reader = asyncio.create_task(self._read())
        try:
            yield changed
        finally:
            self._waiting[key].discard(changed)
            if not self._waiting[key]:
                del self._waiting[key]
            if not self._waiting and self._reader is not None:
                self._reader.cancel()
                self._reader = None

    async def _read(self) -> None:
        loop, written = asyncio.get_running_loop(), asyncio.Event()

        def wake() -> None:
            with suppress(RuntimeError):  # the loop may be closing
                loop.call_soon_threadsafe(written.set)

        unlisten = self._ledger.listen(wake)
        try:
            seq = await self._pools.run("db", self._last)
            self._tell(set(self._waiting))  # what was written until the log was read
            while True:
                written.clear()
                try:
                    seq = await self._follow(seq)
                except Exception:
                    logger.exception("the event log cannot be read for streams")
                with suppress(TimeoutError):
                    async with asyncio.timeout(POLL):
                        await written.wait()
        finally:
            unlisten()

    async def _follow(self, seq: int) -> int:
        while batch := await self._pools.run("db", self._after, seq):
            seq = batch[-1].seq
            self._tell({event.space_key for event in batch if event.space_key})
        return seq

    def _tell(self, keys: set[SpaceKey]) -> None:
        for key in keys:
            for changed in self._waiting.get(key, ()):
                changed.set()

    def _last(self) -> int:
        with self._ledger.read() as tx:
            return events.last_seq(tx)

    def _after(self, seq: int) -> list[events.Event]:
        with self._ledger.read() as tx:
            return events.after(tx, seq)
