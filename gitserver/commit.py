"""Commits without a git client: for the hub's API and pages (API-14 to API-16).

They take the very same path as a push: quarantine, examination in the child, hooks,
compare-and-swap, one durable step.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from gitserver.building import NewObjects, Signature
from gitserver.changes import Operation, changed_tree
from gitserver.durable import write_synced
from gitserver.objects.store import Objects
from gitserver.receive.conclude import Concluder, Pusher
from gitserver.receive.quarantine import Quarantine, open_quarantine
from gitserver.receive.report import Report
from gitserver.receive.request import PushRequest
from gitserver.refs import read_refs
from gitserver.repositories import Repositories
from spaceport.errors import Conflict, NotFound, SpaceportError
from spaceport.names import SpaceKey
from spaceport.pools import Pools
from spaceport.push import MAIN, ZERO, RefUpdate

_TRIES = 20
_LOST = "stale info"
_T = TypeVar("_T")


class CommitRefused(SpaceportError):
    """Raised when a check refused the commit; the text is what a pusher would read."""


class ParentChanged(Conflict):
    """Raised when the branch is no longer at the parent that the caller named."""


@dataclass(frozen=True)
class CommitResult:
    """The branch's commit afterwards. `changed` is false when there was nothing to commit."""

    revision: str
    changed: bool
    messages: tuple[str, ...] = ()


@dataclass(frozen=True)
class CommitRequest:
    """What to commit. With `parent` the branch must be there; without, it is where it is.

    A ref that is not there yet begins at `start`.
    """

    operations: Sequence[Operation]
    message: str
    author: Signature
    ref: str = MAIN
    parent: str | None = None
    allow_empty: bool = False
    start: str | None = None


class Commits:
    """Makes commits. One for each server."""

    def __init__(self, repositories: Repositories, concluder: Concluder, pools: Pools) -> None:
        self._repositories = repositories
        self._concluder = concluder
        self._pools = pools
        self._running: set[asyncio.Task[Any]] = set()

    async def close(self, within: float = 30.0) -> None:
        """Wait, `within` so many seconds, for commits that are being made (DUR-17)."""
        if self._running:
            await asyncio.wait(self._running, timeout=within)

    async def commit(self, key: SpaceKey, pusher: Pusher, request: CommitRequest) -> CommitResult:
        """Commit; when this returns it is durable and in the branch's history.

        Raises `ParentChanged`, `Invalid` for a bad path, `NotFound` for a file or repository that
        is not there, `CommitRefused` when a check refuses. A race that is lost without a `parent`
        is tried again on the new head. Once begun it goes on, also when the caller is cancelled.
        """
        return await self._to_the_end(self._commit(key, pusher, request))

    async def _commit(self, key: SpaceKey, pusher: Pusher, request: CommitRequest) -> CommitResult:
        for _ in range(_TRIES):
            result = await self._try(key, pusher, request)
            if result is not None:
                return result
            if request.parent is not None:
                raise ParentChanged("Somebody else has committed meanwhile.", hint="Look again.")
        raise Conflict("Too many others commit to this branch right now.", hint="Try again.")

    def tree_after(self, key: SpaceKey, revision: str, operations: Sequence[Operation]) -> str:
        """The tree that the operations make of a revision; nothing is kept. Blocks.

        Raises `Invalid` and `NotFound` as `commit` does.
        """
        with Objects(self._repositories.path(key) / "objects") as objects:
            settings = self._repositories.settings
            return changed_tree(objects, NewObjects(), revision, operations, settings)[1]

    async def move_refs(
        self, key: SpaceKey, pusher: Pusher, updates: Sequence[RefUpdate]
    ) -> Report:
        """Create, move or delete refs at objects that are there, all or none (branches, tags)."""
        return await self._to_the_end(self._move_refs(key, pusher, updates))

    async def _move_refs(
        self, key: SpaceKey, pusher: Pusher, updates: Sequence[RefUpdate]
    ) -> Report:
        quarantine = await self._open(key)
        asked = PushRequest(tuple(updates), frozenset({"atomic"}))
        return await self._concluder.conclude(key, pusher, asked, quarantine, _unheard)

    async def publish(
        self, key: SpaceKey, pusher: Pusher, update: RefUpdate, new: NewObjects
    ) -> Report:
        """Create or move a ref to one of `new`: a tag with a message, a history made anew."""
        return await self.publish_all(key, pusher, [update], new)

    async def publish_all(
        self, key: SpaceKey, pusher: Pusher, updates: Sequence[RefUpdate], new: NewObjects
    ) -> Report:
        """Create or move refs, all or none. One whose old id is its new one is only compared."""
        return await self._to_the_end(self._publish(key, pusher, updates, new))

    async def _publish(
        self, key: SpaceKey, pusher: Pusher, updates: Sequence[RefUpdate], new: NewObjects
    ) -> Report:
        quarantine = await self._open(key)
        try:
            await self._pools.run("git", write_synced, quarantine.pack, new.pack()[0])
        except BaseException:
            quarantine.discard()
            raise
        asked = PushRequest(tuple(updates), frozenset({"atomic"}))
        return await self._concluder.conclude(key, pusher, asked, quarantine, _unheard)

    async def _open(self, key: SpaceKey) -> Quarantine:
        incoming = self._repositories.root / "incoming"
        return await self._pools.run("git", open_quarantine, incoming, key)

    async def _to_the_end(self, work: Coroutine[Any, Any, _T]) -> _T:
        task = asyncio.ensure_future(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return await asyncio.shield(task)

    async def _try(
        self, key: SpaceKey, pusher: Pusher, request: CommitRequest
    ) -> CommitResult | None:
        """One attempt; None when the branch moved meanwhile."""
        quarantine = await self._open(key)
        try:
            update = await self._pools.run("git", self._prepare, key, request, quarantine)
        except BaseException:
            quarantine.discard()
            raise
        if update.old == update.new:
            quarantine.discard()
            return CommitResult(update.old, False)
        asked = PushRequest((update,))
        report = await self._concluder.conclude(key, pusher, asked, quarantine, _unheard)
        reason = report.refs[update.ref]
        if not reason:
            return CommitResult(update.new, True, report.messages)
        if reason == _LOST:
            return None
        said = [report.unpack] if report.unpack != "ok" else [reason]
        raise CommitRefused("\n".join([*said, *report.messages]))

    def _prepare(self, key: SpaceKey, request: CommitRequest, quarantine: Quarantine) -> RefUpdate:
        """Make the commit's objects in the quarantine; gives the update that would publish it."""
        folder = self._repositories.path(key)
        try:
            old = read_refs(folder).get(request.ref)
        except FileNotFoundError:
            raise NotFound("This Space has no repository.") from None
        if request.parent is not None and request.parent != old:
            raise ParentChanged(
                f"The branch is at {old}, not at {request.parent}.", hint="Look again."
            )
        start = request.start if old == ZERO and request.start else old
        new = NewObjects()
        settings = self._repositories.settings
        with Objects(folder / "objects") as objects:
            before, tree = changed_tree(objects, new, start, request.operations, settings)
        if tree == before and not request.allow_empty:
            return RefUpdate(request.ref, old, old)
        parents = () if start == ZERO else (start,)
        revision = new.commit(tree, parents, request.author, request.message)
        content, _ = new.pack()
        write_synced(quarantine.pack, content)
        return RefUpdate(request.ref, old, revision)


def _unheard(text: str) -> None:
    """Progress of the checks, which nobody watches here; the report has what counts."""
