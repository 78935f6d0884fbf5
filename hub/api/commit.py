"""`POST .../commit/{rev}`: changes without git, on the very path of a push (hub-api 6.3)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from gitserver.commit import (
    AddLines,
    AddPointer,
    CommitRefused,
    CommitRequest,
    CommitResult,
    Commits,
    DeleteFile,
    DeleteFolder,
    Operation,
    ParentChanged,
)
from gitserver.content import Kind
from gitserver.receive.conclude import Pusher
from hub.api.blob_id import blob_id
from hub.api.call import Call, answer
from hub.api.errors import ENTRY_NOT_FOUND, ApiError, revision_not_found
from hub.api.ndjson import read_lines
from hub.api.operations import MISSING, Draft, operations, read_line
from hub.create_space import signature
from spaceport.errors import Invalid, NotFound

STALE = "The branch was updated since you opened this page. Please refresh and try again."
HEADS = "refs/heads/"
SMALL = 64 * 1024  # a line up to this is read on the event loop


def commit_handler(commits: Commits) -> Callable[[Call], Awaitable[web.StreamResponse]]:
    """The handler that commits with `commits`."""

    async def commit(call: Call) -> web.StreamResponse:
        return await _commit(call, commits)

    return commit


async def _commit(call: Call, commits: Commits) -> web.StreamResponse:
    if call.flag("create_pr"):
        raise ApiError(400, "This server has no pull requests")
    ref, head = await branch_of(call)
    draft = await _read(call)
    parent = _parent(draft, head)
    account = call.actor.account
    if account is None:
        raise ApiError(401, "Sign in to commit")
    request = CommitRequest(
        await call.git(
            operations,
            call.context.content,
            call.context.large,
            call.space.key,
            account.id,
            head,
            draft,
        ),
        draft.message,
        signature(call.context, account),
        ref=ref,
        parent=parent,
    )
    pusher = Pusher(account.id, call.request.remote or "", {"actor": account.name})
    return _answer(call, await _conclude(call, commits, pusher, request))


async def _conclude(
    call: Call, commits: Commits, pusher: Pusher, request: CommitRequest
) -> CommitResult:
    try:
        return await commits.commit(call.space.key, pusher, request)
    except ParentChanged:
        done = await call.git(already_done, call, request)
        if done is None:
            raise ApiError(412, STALE) from None
        return CommitResult(done, False)
    except NotFound:
        raise ApiError(404, MISSING, ENTRY_NOT_FOUND) from None
    except (Invalid, CommitRefused) as error:
        raise ApiError(422, f"{error} {error.hint}".strip()) from None


def already_done(call: Call, request: CommitRequest) -> str | None:
    """The head, if it is just this commit: the same request, whose answer was lost (API-16)."""
    content, key = call.context.content, call.space.key
    head = content.resolve(key, request.ref)
    found = content.commit(key, head)
    same = (
        len(found.parents) == 1
        and found.parents[0].startswith(request.parent or "-")
        and found.message.strip() == request.message.strip()
        and found.author.email == request.author.email
    )
    if same and all(_is_done(call, head, operation) for operation in request.operations):
        return head
    return None


def _is_done(call: Call, head: str, operation: Operation) -> bool:
    if isinstance(operation, DeleteFile | DeleteFolder):
        return _blob_at(call, head, operation.path) is None
    if isinstance(operation, AddLines):
        return True  # of itself it is done twice without harm
    if isinstance(operation, AddPointer):
        return _blob_at(call, head, operation.path) == blob_id(operation.pointer.text())
    data = getattr(operation, "data", None)
    return data is not None and _blob_at(call, head, operation.path) == blob_id(data)


def _blob_at(call: Call, head: str, path: str) -> str | None:
    try:
        entry = call.context.content.entry(call.space.key, head, path)
    except NotFound:
        return None
    return entry.oid if entry.kind is Kind.FILE else ""


async def branch_of(call: Call) -> tuple[str, str]:
    """The branch that `{rev}` names, and its commit. Raises `RevisionNotFound`."""
    rev = call.part("rev")
    ref = rev if rev.startswith(HEADS) else f"{HEADS}{rev}"
    refs = await call.git(call.context.content.refs, call.space.key)
    if ref not in refs:
        raise revision_not_found(rev)
    return ref, refs[ref]


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


def _answer(call: Call, result: CommitResult) -> web.Response:
    url = f"{call.origin}/spaces/{call.space.id}/commit/{result.revision}"
    return answer(
        {
            "success": True,
            "commitOid": result.revision,
            "commitUrl": url,
            "hookOutput": "\n".join(result.messages),
        },
        headers={"X-Repo-Commit": result.revision},
    )
