"""What people do with pull requests: one set of actions for the API and the pages (11.12).

Each asks for the right that it needs. Refs move on the very path of a push; what that means for
the ledger is noted there (`hooks.pull_requests`), so that it is the same whoever moved them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from weakref import WeakValueDictionary

from aiohttp import web

from gitserver.changes import Operation
from gitserver.commit import CommitRequest, CommitResult, Commits
from gitserver.receive.conclude import Pusher
from hub.context import HubContext
from hub.create_space import signature
from hub.git_access import reach_of
from hub.pulls_merge import MergeConflicts, Merging, moved, require
from hub.pulls_shown import PullsShown
from spaceport.actor import Actor
from spaceport.authorize import Action, Authored, SpaceResource, authorize
from spaceport.errors import Conflict, Forbidden, NotFound
from spaceport.ledger import Tx, discussions, pulls, spaces
from spaceport.ledger.accounts import Account
from spaceport.ledger.discussions import Discussion, Status
from spaceport.ledger.spaces import Space
from spaceport.names import SpaceKey
from spaceport.push import MAIN, ZERO, RefUpdate

_TRIES = 5
T = TypeVar("T")


@dataclass(frozen=True)
class By:
    """Who acts, and from which network address."""

    actor: Actor
    address: str = ""

    @property
    def account(self) -> Account:
        """Raises `Denied` for who is not signed in."""
        if self.actor.account is None:
            raise Forbidden("Sign in to do this.")
        return self.actor.account


@dataclass(frozen=True)
class Proposal:
    """A commit that becomes a pull request. `start`: the revision that it changes."""

    title: str
    text: str
    message: str
    start: str
    operations: Sequence[Operation]
    base: str = MAIN


class PullRequests:
    """The actions. One for each application: `app[PULLS]`; `shown` reads."""

    def __init__(self, context: HubContext, commits: Commits) -> None:
        self._context = context
        self._commits = commits
        self._running: set[asyncio.Task[Any]] = set()
        self._merging: WeakValueDictionary[tuple[SpaceKey, int], asyncio.Lock] = (
            WeakValueDictionary()
        )
        self.shown = PullsShown(context.content, context.ledger)

    # -- beginning ---------------------------------------------------------------------------

    async def open(
        self, by: By, space: Space, title: str, text: str = "", *, base: str = MAIN
    ) -> Discussion:
        """An empty draft; its ref begins where `base` (a whole ref) is. Once begun it goes on, also
        when the caller is cancelled.

        Raises `Denied`, `NotFound` for a base that is not there, and what `discussions.begin` does.
        """
        return await self._to_the_end(self._open(by, space, title, text, base))

    async def _open(self, by: By, space: Space, title: str, text: str, base: str) -> Discussion:
        start = (await self._refs(space)).get(base)
        if start is None:
            raise NotFound(f"There is no branch {base.removeprefix('refs/heads/')!r} here.")
        found = await self._begin(by, space, title, text, base)
        update = RefUpdate(found.ref, ZERO, start)
        try:
            pusher = await self.pusher(by, space)
            require(await self._commits.move_refs(space.key, pusher, [update]))
        except Exception:
            await self._withdraw(space, found)
            raise
        return await self.get(space, found.number)

    async def open_with(
        self, by: By, space: Space, proposal: Proposal
    ) -> tuple[Discussion, CommitResult]:
        """One that is open, with a commit. Raises as `open` and `Commits.commit` do, and goes on as
        `open` does."""
        return await self._to_the_end(self._open_with(by, space, proposal))

    async def _open_with(
        self, by: By, space: Space, proposal: Proposal
    ) -> tuple[Discussion, CommitResult]:
        found = await self._begin(by, space, proposal.title, proposal.text, proposal.base)
        request = CommitRequest(
            proposal.operations,
            proposal.message,
            signature(self._context, by.account),
            ref=found.ref,
            allow_empty=True,
            start=proposal.start,
        )
        try:
            done = await self._commits.commit(space.key, await self.pusher(by, space), request)
        except Exception:
            await self._withdraw(space, found)
            raise
        await self._write(_publish, found)
        return await self.get(space, found.number), done

    # -- reading -----------------------------------------------------------------------------

    async def get(self, space: Space, number: int) -> Discussion:
        """Raises `NotFound`, also for a discussion that is no pull request."""
        found = await self._read(discussions.get, space.key, number)
        if not found.pull_request:
            raise NotFound(f"{number} is a discussion, not a pull request.")
        return found

    async def may(self, by: By, action: Action, space: Space, number: int) -> Discussion:
        """The pull request, if `by` may do that to it. Raises `Denied`, `NotFound`."""
        found = await self.get(space, number)
        resource = Authored(SpaceResource.of(space), found.author_id, found.locked)
        authorize(by.actor, action, resource).require()
        return found

    async def pusher(self, by: By, space: Space) -> Pusher:
        """Who pushes, with what they reach now."""
        reach = await self._read(lambda tx: reach_of(tx, by.actor, space))
        return Pusher(by.actor.id, by.address, {"actor": by.actor.name}, reach)

    # -- changing ----------------------------------------------------------------------------

    async def set_status(self, by: By, space: Space, number: int, status: Status) -> str | None:
        """Open, close or reopen one, or make it a draft again; the entry's id, None if it was so.

        Raises `Conflict` for one that is merged, and for one whose commits were deleted.
        """
        found = await self.may(by, Action.CHANGE, space, number)
        if status is Status.MERGED:
            raise Conflict("A pull request becomes merged by a merge.", hint="Merge it.")
        gone = found.ref not in await self._refs(space)
        if found.status is Status.CLOSED and status.active and gone:
            raise Conflict(
                f"The commits of pull request {number} were deleted, which is final.",
                hint="Open another one.",
            )
        return await self._write(_set_status, found, status, by.actor.id)

    async def merge(
        self, by: By, space: Space, number: int, *, head: str | None = None, message: str = ""
    ) -> str:
        """Merge it into its base; the commit by which the base has it now.

        `head`: what the caller looked at; if it is no longer that, nothing is merged. Raises
        `Denied`, `MergeConflicts`, `Conflict`, and `CommitRefused` when a check refuses.
        """
        authorize(by.actor, Action.WRITE, SpaceResource.of(space)).require()
        author = signature(self._context, by.account)
        lock = self._merging.setdefault((space.key, number), asyncio.Lock())
        async with lock:
            for _ in range(_TRIES):
                found = await self.get(space, number)
                merging = Merging(self._context, self._commits, found, author, message)
                done = await merging.attempt(await self.pusher(by, space), head)
                if done is not None:
                    await self._write(_set_merged, found, done, by.actor.id)
                    return done
        raise Conflict("Too many others change this branch right now.", hint="Try again.")

    async def delete_ref(self, by: By, space: Space, number: int) -> None:
        """Delete the commits of one that is closed or merged, for good."""
        found = await self.may(by, Action.CHANGE, space, number)
        old = (await self._refs(space)).get(found.ref)
        if old is None:
            return
        update = RefUpdate(found.ref, old, ZERO)
        pusher = await self.pusher(by, space)
        require(await self._commits.move_refs(space.key, pusher, [update]))

    async def trust(self, by: By, space: Space, number: int, head: str) -> None:
        """Let this very head run as a preview; somebody who may write looked at it."""
        authorize(by.actor, Action.WRITE, SpaceResource.of(space)).require()
        found = await self.get(space, number)
        if found.head != head or (await self._refs(space)).get(found.ref) != head:
            raise moved(number)
        await self._write(pulls.trust, found, head, by.actor.id)

    # -- helpers -----------------------------------------------------------------------------

    async def _begin(self, by: By, space: Space, title: str, text: str, base: str) -> Discussion:
        authorize(by.actor, Action.CONTRIBUTE, SpaceResource.of(space)).require()
        author = by.account.id

        def begin(tx: Tx) -> Discussion:
            if not spaces.get(tx, space.key).discussions:
                raise Forbidden("This Space takes no pull requests now.")
            return discussions.begin(tx, space.key, author, title, text, base=base, draft=True)

        return await self._write(begin)

    async def _withdraw(self, space: Space, found: Discussion) -> None:
        """Unless its ref came into being all the same: the number must not be used again then."""
        if found.ref not in await self._refs(space):
            await self._write(pulls.withdraw, found)

    async def _to_the_end(self, work: Coroutine[Any, Any, T]) -> T:
        task = asyncio.ensure_future(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return await asyncio.shield(task)

    async def _refs(self, space: Space) -> dict[str, str]:
        return await self._context.pools.run("git", self._context.content.refs, space.key)

    async def _read(self, function: Callable[..., T], *args: object) -> T:
        def work() -> T:
            with self._context.ledger.read() as tx:
                return function(tx, *args)

        return await self._context.pools.run("db", work)

    async def _write(self, function: Callable[..., T], *args: object) -> T:
        def work() -> T:
            with self._context.ledger.write() as tx:
                return function(tx, *args)

        return await self._context.pools.run("db", work)


__all__ = ["MergeConflicts"]  # what callers know by this module

PULLS: web.AppKey[PullRequests] = web.AppKey("pulls", PullRequests)


def _publish(tx: Tx, found: Discussion) -> None:
    now = discussions.get(tx, found.space_key, found.number)
    if now.status is Status.DRAFT:
        pulls.published(tx, now)


def _set_status(tx: Tx, found: Discussion, status: Status, actor_id: str | None) -> str | None:
    now = discussions.get(tx, found.space_key, found.number)
    return discussions.set_status(tx, now, status, actor_id)


def _set_merged(tx: Tx, found: Discussion, commit: str, actor_id: str | None) -> None:
    """Nearly always noted already, with the push that brought the merge."""
    now = discussions.get(tx, found.space_key, found.number)
    if now.status.active:
        pulls.merged(tx, now, commit, actor_id)
