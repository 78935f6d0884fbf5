"""Removes what interrupted creations left behind, what deleted Spaces have on disk, and sessions
that are over (DUR-07, DUR-11)."""

from __future__ import annotations

import asyncio
import logging
import shutil

from hub.context import HubContext
from hub.creations import nobody_creating
from spaceport.failpoints import failpoint
from spaceport.ledger import logs, sessions, spaces
from spaceport.names import SpaceKey

logger = logging.getLogger(__name__)

EVERY_SECONDS = 600.0
FOLDERS = ("logs", "checkouts")  # of a Space's own, by its key, within the data folder


class Janitor:
    """Sweeps at start and every ten minutes; the supervisor calls `remove_files` for a deleted
    Space once nothing of it runs."""

    def __init__(self, context: HubContext, *, every: float = EVERY_SECONDS) -> None:
        self._context = context
        self._every = every

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._context.pools.run("files", self.sweep)
            await asyncio.sleep(self._every)

    def sweep(self) -> list[SpaceKey]:
        """Remove repositories that no row names, and sessions that are over; the keys removed."""
        with self._context.ledger.write() as tx:
            sessions.sweep(tx)
        self._context.large.sweep()
        self._context.ledger.fold()
        with nobody_creating(self._context.data) as alone:
            orphans = self._remove_orphans() if alone else []
        self._remove_old_logs()
        return orphans

    def remove_files(self, key: SpaceKey) -> None:
        """Remove what a deleted Space has on disk; may be called again."""
        self._context.repositories.delete(key)
        failpoint("delete:after-repository")
        for name in FOLDERS:
            shutil.rmtree(self._context.data / name / key, ignore_errors=True)

    def _remove_old_logs(self) -> None:
        """Files first, then the ledger: what begins meanwhile is not among the files."""
        root = self._context.data / "logs"
        for folder in sorted(root.iterdir()) if root.is_dir() else ():
            files = list(folder.glob("*-*.jsonl"))
            if len(files) <= logs.KEPT:
                continue
            with self._context.ledger.read() as tx:
                kept = logs.kept(tx, folder.name)
            for file in files:
                if file.stem.partition("-")[2] not in kept:
                    file.unlink(missing_ok=True)

    def _remove_orphans(self) -> list[SpaceKey]:
        """Nobody creates a Space meanwhile, so a repository without a row belongs to nobody."""
        present = list(self._context.repositories.keys())
        with self._context.ledger.read() as tx:
            known = {*spaces.keys(tx), *spaces.keys(tx, deleted=True)}
        orphans = [key for key in present if key not in known]
        for key in orphans:
            logger.warning("removed the repository %s, which no Space owns", key)
            self._context.repositories.delete(key)
        return orphans
