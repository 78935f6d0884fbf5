"""Branches and tags without git: create and delete, on the very path of a push (hub-api 5.5)."""

from __future__ import annotations

from aiohttp import web

from gitserver.building import NewObjects, Signature
from gitserver.commit import Commits
from gitserver.receive.refname import well_formed
from gitserver.receive.report import Report
from hub.api.body import Body
from hub.api.call import Call, answer
from hub.api.content import HEADS, TAGS
from hub.api.errors import ApiError, revision_not_found
from hub.api.targets import by, pulls_of, target_of
from hub.create_space import signature
from spaceport.errors import NotFound
from spaceport.push import MAIN, ZERO, RefUpdate, pull_number

STALE = "stale info"
IN_THE_WAY = "a ref of another name is in the way"


class NewBranch(Body):
    startingPoint: str = "main"
    emptyBranch: bool = False  # of other clients; done half they would be misled
    overwrite: bool = False


class NewTag(Body):
    tag: str
    message: str | None = None


class Squash(Body):
    message: str | None = None


class RefChanges:
    """The calls, whose changes are made with `commits`."""

    def __init__(self, commits: Commits) -> None:
        self._commits = commits

    async def create_branch(self, call: Call) -> web.StreamResponse:
        """409 for one that exists, also when it came into being this moment."""
        body = await call.body(NewBranch)
        if body.emptyBranch or body.overwrite:
            raise ApiError(400, "This server makes new branches, from a revision that is there")
        ref = _checked(call, HEADS, call.part("branch"))
        start = await _commit_at(call, body.startingPoint)
        await _must_be_new(call, ref)
        await self._move(call, RefUpdate(ref, ZERO, start))
        return answer({})

    async def delete_branch(self, call: Call) -> web.StreamResponse:
        """404 for one that is not there; `main` is what gets built, and stays."""
        return await self._delete(call, HEADS, call.part("branch"))

    async def create_tag(self, call: Call) -> web.StreamResponse:
        """With a message it is a tag object of its own, else a name of the commit."""
        body = await call.body(NewTag)
        ref = _checked(call, TAGS, body.tag)
        revision = await _commit_at(call, call.part("rev"))
        await _must_be_new(call, ref)
        if body.message is None or not body.message.strip():
            await self._move(call, RefUpdate(ref, ZERO, revision))
            return answer({})
        new = NewObjects()
        tag = new.tag(body.tag, revision, _signature(call), body.message)
        await self._publish(call, RefUpdate(ref, ZERO, tag), new)
        return answer({})

    async def delete_tag(self, call: Call) -> web.StreamResponse:
        """404 for one that is not there; a branch of that name is none."""
        return await self._delete(call, TAGS, call.part("tag"))

    async def squash(self, call: Call) -> web.StreamResponse:
        """The branch's files as they are, in one commit without a past; those of a pull request in
        one commit after the place where it began, so that it can still be merged."""
        branch = call.part("branch")
        target = await target_of(call, branch)
        message = (await call.body(Squash)).message or f"Super-squash branch '{branch}'"
        ref, head = target.ref, target.head
        number = pull_number(ref)
        parents = () if number is None else await self._parted(call, number)
        found = await call.git(call.context.content.commit, call.space.key, head)
        new = NewObjects()
        revision = new.commit(found.tree, parents, _signature(call), message)
        await self._publish(call, RefUpdate(ref, head, revision), new)
        return answer({"commitOid": revision})

    async def _parted(self, call: Call, number: int) -> tuple[str, ...]:
        """Where a pull request left its base."""
        pulls = pulls_of(call)
        found = await pulls.get(call.space, number)
        base = await call.git(pulls.shown.parted, found)
        return () if base is None else (base,)

    async def _delete(self, call: Call, prefix: str, name: str) -> web.StreamResponse:
        ref = prefix + name
        if ref == MAIN:
            raise ApiError(400, f"Cannot delete {MAIN}: it is the branch that is built and run")
        refs = await call.git(call.context.content.refs, call.space.key)
        if ref not in refs:
            raise revision_not_found(name)
        await self._move(call, RefUpdate(ref, refs[ref], ZERO))
        return answer({})

    async def _move(self, call: Call, update: RefUpdate) -> None:
        pusher = await pulls_of(call).pusher(by(call), call.space)
        report = await self._commits.move_refs(call.space.key, pusher, [update])
        _require(report, update.ref, created=update.created)

    async def _publish(self, call: Call, update: RefUpdate, new: NewObjects) -> None:
        pusher = await pulls_of(call).pusher(by(call), call.space)
        report = await self._commits.publish(call.space.key, pusher, update, new)
        _require(report, update.ref, created=update.created)


def _signature(call: Call) -> Signature:
    account = call.actor.account
    if account is None:
        raise ApiError(401, "Sign in to do this")
    return signature(call.context, account)


def _checked(call: Call, prefix: str, name: str) -> str:
    """The whole name of the ref. Raises 400 for what git or this server does not take."""
    ref = prefix + name
    if not well_formed(ref, call.context.settings.git.push) or name.startswith("refs/"):
        kind = "branch" if prefix == HEADS else "tag"
        raise ApiError(400, f"{name[:200]!r} cannot be the name of a {kind}")
    return ref


async def _commit_at(call: Call, rev: str) -> str:
    try:
        return await call.git(call.context.content.resolve, call.space.key, rev)
    except NotFound:
        raise revision_not_found(rev) from None


async def _must_be_new(call: Call, ref: str) -> None:
    if ref in await call.git(call.context.content.refs, call.space.key):
        raise _exists(ref)


def _exists(ref: str) -> ApiError:
    return ApiError(409, f"Reference {ref} already exists")


def _require(report: Report, ref: str, *, created: bool) -> None:
    """Raise what the report says against it; somebody else may have been faster."""
    reason = report.refs[ref]
    if not reason:
        return
    if reason == STALE:
        moved = ApiError(409, f"Reference {ref} was moved meanwhile. Look again.")
        raise _exists(ref) if created else moved
    if reason == IN_THE_WAY:
        # No 409: clients take that for "it exists", which `exist_ok` passes over.
        raise ApiError(400, f"{ref} cannot exist beside a reference whose name it continues")
    said = [reason] if report.unpack == "ok" else [report.unpack]
    raise ApiError(422, " ".join([*said, *report.messages]))
