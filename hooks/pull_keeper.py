"""Pull requests whose refs, or whose merge, a crash kept from the ledger (DUR-06)."""

from __future__ import annotations

import logging

from gitserver.refs import Refs
from gitserver.repositories import Repositories
from hooks.pull_requests import commits_since, merged_by, news_of, note_pulls
from spaceport.ledger import Ledger, discussions, pulls
from spaceport.ledger.discussions import Discussion
from spaceport.names import SpaceKey
from spaceport.push import ZERO, RefUpdate

logger = logging.getLogger(__name__)

MOST_REMEMBERED = 10_000


class PullKeeper:
    """Compares pull requests under way with the repository. Blocks."""

    def __init__(self, ledger: Ledger, repositories: Repositories) -> None:
        self._ledger = ledger
        self._repositories = repositories
        self._apart: set[tuple[str, str]] = set()  # head and base that were looked at

    def sweep(self) -> list[SpaceKey]:
        """Look at all Spaces that have any; those of which the ledger did not know something."""
        with self._ledger.read() as tx:
            keys = pulls.with_active(tx)
        return [key for key in keys if self._repositories.exists(key) and self._kept(key)]

    def _kept(self, key: SpaceKey) -> bool:
        try:
            return self.keep(key)
        except Exception:
            logger.exception("the pull requests of %s could not be compared with its refs", key)
            return False

    def keep(self, key: SpaceKey) -> bool:
        """Note what the refs of one Space say and the ledger does not; whether there was any."""
        refs = self._repositories.refs(key)
        with self._ledger.read() as tx:
            active = pulls.active(tx, key)
        moved = [self._moved(refs, found) for found in active]
        updates = [update for update in moved if update is not None]
        if updates:
            news = news_of(self._ledger, self._repositories, key, updates)
            with self._ledger.write() as tx:
                note_pulls(tx, self._repositories, key, updates, news)
        merged = [found for found in active if self._merged(refs, found)]
        return bool(updates or merged)

    def _moved(self, refs: Refs, found: Discussion) -> RefUpdate | None:
        """The move of its ref that nobody noted; none while it holds nothing of its own."""
        head, base = refs.get(found.ref), refs.get(found.base or "")
        if head == (found.head or ZERO):
            return None
        if found.head is None and not self._is_apart(found.space_key, head, base):
            return None
        return RefUpdate(found.ref, found.head or ZERO, head)

    def _merged(self, refs: Refs, found: Discussion) -> bool:
        head, base = found.head, refs.get(found.base or "")
        if head is None or refs.get(found.ref) != head or base == ZERO:
            return False
        if (head, base) in self._apart or self._is_apart(found.space_key, head, base):
            self._remember(head, base)
            return False
        commits = commits_since(self._repositories, found.space_key, base, ()) or ()
        merge = merged_by(commits, head) or head
        with self._ledger.write() as tx:
            now = discussions.find(tx, found.space_key, found.number)
            if now is None or not now.status.active or now.head != head:
                return False
            pulls.merged(tx, now, merge, None)
        return True

    def _is_apart(self, key: SpaceKey, head: str, base: str) -> bool:
        """Whether the head has what the base has not; also when it takes too long to tell."""
        own = commits_since(self._repositories, key, head, (base,))
        return own is None or bool(own)

    def _remember(self, head: str, base: str) -> None:
        if len(self._apart) >= MOST_REMEMBERED:
            self._apart.clear()
        self._apart.add((head, base))
