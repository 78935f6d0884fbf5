"""`POST .../commit/{rev}`: changes without git, on the very path of a push (hub-api 6.3)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from aiohttp import web

from gitserver.building import message_bytes
from gitserver.changes import Operation
from gitserver.commit import (
    CommitRefused,
    CommitRequest,
    CommitResult,
    Commits,
    ParentChanged,
)
from hub.api.call import Call, answer
from hub.api.errors import ENTRY_NOT_FOUND, ApiError, revision_not_found
from hub.api.ndjson import read_lines
from hub.api.operations import MISSING, Draft, operations, read_line
from hub.api.targets import Target, by, pulls_of, target_of, title_of
from hub.create_space import signature
from hub.pulls import Proposal
from spaceport.errors import Invalid, NotFound
from spaceport.ledger.accounts import Account

STALE = "The branch was updated since you opened this page. Please refresh and try again."
SMALL = 64 * 1024  # a line up to this is read on the event loop


@dataclass(frozen=True)
class Wish:
    """A commit that an account asks for; `parent` is where the branch must be, if it was said."""

    ref: str
    draft: Draft
    account: Account
    parent: str | None


def commit_handler(commits: Commits) -> Callable[[Call], Awaitable[web.StreamResponse]]:
    """The handler that commits with `commits`."""

    async def commit(call: Call) -> web.StreamResponse:
        return await _commit(call, commits)

    return commit


async def _commit(call: Call, commits: Commits) -> web.StreamResponse:
    target = await target_of(call, call.part("rev"))
    if call.flag("create_pr"):
        return await _propose(call, target)
    ref, head = target.ref, target.head
    draft = await _read(call)
    wish = Wish(ref, draft, _account(call), _parent(draft, head))
    try:
        result = await _try(call, commits, wish, target)
    except (ParentChanged, NotFound) as error:
        done = await call.git(already_done, call, commits, wish)
        if done is None:
            stale = isinstance(error, ParentChanged) or wish.parent not in (None, head)
            raise (
                ApiError(412, STALE) if stale else ApiError(404, MISSING, ENTRY_NOT_FOUND)
            ) from None
        result = CommitResult(done, False)
    except (Invalid, CommitRefused) as error:
        raise ApiError(422, f"{error} {error.hint}".strip()) from None
    return _answer(call, result)


async def _propose(call: Call, target: Target) -> web.StreamResponse:
    """A pull request with the commit, by anybody who may read; it changes the parent named."""
    draft = await _read(call)
    start = target.head
    if draft.parent is not None and not start.startswith(draft.parent):
        try:
            start = await call.git(call.context.content.resolve, call.space.key, draft.parent)
        except NotFound:
            raise revision_not_found(draft.parent) from None
    wish = Wish(target.ref, draft, _account(call), start)
    try:
        proposal = Proposal(
            title_of(draft.summary),
            draft.description,
            draft.message,
            start,
            await call.git(_operations, call, wish, start),
            target.ref,
        )
        found, result = await pulls_of(call).open_with(by(call), call.space, proposal)
    except NotFound:
        raise ApiError(404, MISSING, ENTRY_NOT_FOUND) from None
    except (Invalid, CommitRefused) as error:
        raise ApiError(422, f"{error} {error.hint}".strip()) from None
    url = f"{call.origin}/spaces/{call.space.id}/discussions/{found.number}"
    return _answer(call, result, pullRequestUrl=url, pullRequestNum=found.number)


async def _try(call: Call, commits: Commits, wish: Wish, target: Target) -> CommitResult:
    request = CommitRequest(
        await call.git(_operations, call, wish, target.head),
        wish.draft.message,
        signature(call.context, wish.account),
        ref=wish.ref,
        parent=wish.parent,
    )
    pusher = await pulls_of(call).pusher(by(call), call.space)
    return await commits.commit(call.space.key, pusher, request)


def _operations(call: Call, wish: Wish, revision: str) -> Sequence[Operation]:
    """What the draft means at a revision. Blocks."""
    content, large = call.context.content, call.context.large
    return operations(content, large, call.space.key, wish.account.id, revision, wish.draft)


def already_done(call: Call, commits: Commits, wish: Wish) -> str | None:
    """The head, if it is just this commit: the same request, whose answer was lost (API-16).

    It counts as that when it has the message and the author, and is what the operations make of
    its only parent; where the request named a parent, it is that one (hub-api 1.5). Blocks.
    """
    content, key = call.context.content, call.space.key
    try:
        head = content.resolve(key, wish.ref)
        found = content.commit(key, head)
        by_us = found.author.email == signature(call.context, wish.account).email
        text = message_bytes(wish.draft.message).decode()
        if len(found.parents) != 1 or found.message != text or not by_us:
            return None
        parent = found.parents[0]
        if not parent.startswith(wish.parent or ""):
            return None
        tree = commits.tree_after(key, parent, _operations(call, wish, parent))
    except (NotFound, Invalid):
        return None
    return head if tree == found.tree else None


async def _read(call: Call) -> Draft:
    limits = call.limits
    draft = Draft()
    first = True
    line_limit = limits.commit_file * 4 // 3 + SMALL
    async for line in read_lines(
        call.request, limit=limits.commit_bytes, line_limit=line_limit, idle=limits.body_idle
    ):
        if len(line) <= SMALL:
            read_line(draft, line, first, limits.commit_file)
        else:
            await call.context.pools.run("files", read_line, draft, line, first, limits.commit_file)
        first = False
        if draft.count > limits.commit_operations:
            raise ApiError(400, f"A commit has at most {limits.commit_operations} operations")
    if first:
        raise ApiError(400, "The commit has no header")
    return draft


def _parent(draft: Draft, head: str) -> str | None:
    """The whole id of the parent named; what the branch has moved on from stays as it was said."""
    if draft.parent is not None and head.startswith(draft.parent):
        return head
    return draft.parent


def _account(call: Call) -> Account:
    if call.actor.account is None:
        raise ApiError(401, "Sign in to commit")
    return call.actor.account


def _answer(call: Call, result: CommitResult, **more: str | int) -> web.Response:
    url = f"{call.origin}/spaces/{call.space.id}/commit/{result.revision}"
    return answer(
        {
            "success": True,
            "commitOid": result.revision,
            "commitUrl": url,
            "hookOutput": "\n".join(result.messages),
            **more,
        },
        headers={"X-Repo-Commit": result.revision},
    )
