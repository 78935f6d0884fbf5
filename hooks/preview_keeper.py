"""Previews that a crash left out or behind, and those that nobody used for long enough."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from config.previews import PreviewSettings
from gitserver.repositories import Repositories
from hooks.previews import keep_previews, look
from spaceport.errors import NotFound
from spaceport.follower import Follower
from spaceport.ledger import Ledger, previews, spaces
from spaceport.ledger.columns import now
from spaceport.ledger.events import EventKind
from spaceport.names import SpaceKey
from spaceport.pools import Pools
from spaceport.push import has_preview

KINDS = (EventKind.SPACE_CHANGED, EventKind.DISCUSSION_CHANGED)


class PreviewKeeper:
    """Looks at a Space when it or a pull request of it changes, and at all of them at its start and
    every minute."""

    def __init__(
        self,
        ledger: Ledger,
        repositories: Repositories,
        pools: Pools,
        settings: PreviewSettings,
        *,
        sweep_seconds: float = 60.0,
    ) -> None:
        self._ledger = ledger
        self._repositories = repositories
        self._pools = pools
        self._settings = settings
        every = min(sweep_seconds, max(1.0, settings.keep / 10))
        self._follower = Follower(
            "previews", ledger, pools, self._look, self._sweep, kinds=KINDS, sweep_seconds=every
        )

    async def run(self) -> None:
        """Until cancelled."""
        await self._follower.run()

    async def _look(self, key: SpaceKey) -> None:
        await self._pools.run("git", self.keep, key)

    async def _sweep(self) -> Iterable[SpaceKey]:
        return await self._pools.run("git", self.sweep)

    def keep(self, key: SpaceKey) -> None:
        """Bring one Space's previews in line with its branches and its setting. Blocks."""
        if self._differs(key):
            with self._ledger.write() as tx:
                keep_previews(tx, self._repositories, key, self._settings)

    def sweep(self) -> list[SpaceKey]:
        """End what nobody used for long enough; the Spaces to look at. Blocks."""
        before = now() - timedelta(seconds=self._settings.keep)
        with self._ledger.read() as tx:
            old = previews.overdue(tx, before)
            keys, known = spaces.keys(tx), previews.with_any(tx)
        if old:
            with self._ledger.write() as tx:
                for preview in previews.overdue(tx, before):  # a visitor may have come meanwhile
                    previews.end(tx, preview)
        return [key for key in keys if key in known or self._has_branches(key)]

    def _has_branches(self, key: SpaceKey) -> bool:
        """Most Spaces have none but main: they cost no more than this look."""
        try:
            refs = self._repositories.refs(key).ids
        except (NotFound, OSError):
            return False
        return any(map(has_preview, refs))

    def _differs(self, key: SpaceKey) -> bool:
        """A look without a writing transaction: nearly always there is nothing to do."""
        with self._ledger.read() as tx:
            try:
                space = spaces.get(tx, key)
                looked = look(tx, self._repositories, space, self._settings)
            except NotFound:
                return False
        return looked is not None and bool(looked[1])
