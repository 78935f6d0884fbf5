"""Finds heads that the ledger does not know: a crash between the ref and the ledger (DUR-06)."""

from __future__ import annotations

import asyncio
import logging

from gitserver.repositories import Repositories
from hooks.head import note_head
from hooks.pull_keeper import PullKeeper
from spaceport.ledger import Ledger, spaces
from spaceport.names import SpaceKey
from spaceport.pools import Pools

logger = logging.getLogger(__name__)

EVERY_SECONDS = 60.0


class HeadReconciler:
    """Compares every repository's `main`, and its pull requests, with the ledger at start and every
    minute."""

    def __init__(
        self,
        ledger: Ledger,
        repositories: Repositories,
        pools: Pools,
        *,
        every: float = EVERY_SECONDS,
    ) -> None:
        self._ledger = ledger
        self._repositories = repositories
        self._pools = pools
        self._every = every
        self._pulls = PullKeeper(ledger, repositories)

    async def run(self) -> None:
        """Until cancelled. What fails is logged and tried again the next time."""
        while True:
            try:
                await self._pools.run("git", self.sweep)
                await self._pools.run("git", self._pulls.sweep)
            except Exception:
                logger.exception("heads could not be compared with the ledger")
            await asyncio.sleep(self._every)

    def sweep(self) -> list[SpaceKey]:
        """One comparison of all; the keys of the Spaces whose head was not known."""
        with self._ledger.read() as tx:
            known = {space.key: space.head for space in spaces.search(tx)}
        return [key for key, head in known.items() if self._differs(key, head) and self._note(key)]

    def _differs(self, key: SpaceKey, head: str | None) -> bool:
        """A look without a transaction: nearly always there is nothing to do."""
        try:
            return self._repositories.exists(key) and self._repositories.head(key) != head
        except Exception:
            logger.exception("the head of %s could not be read", key)
            return False

    def _note(self, key: SpaceKey) -> bool:
        try:
            with self._ledger.write() as tx:
                moved = note_head(tx, self._repositories, key)
        except Exception:
            logger.exception("the head of %s could not be noted", key)
            return False
        if moved:
            logger.warning("the ledger did not know the head of %s; noted", key)
        return moved
