"""What a change is made to: a branch, by who may write; a pull request, by its author too."""

from __future__ import annotations

from dataclasses import dataclass

from hub.api.call import Call
from hub.api.content import branch_of
from hub.api.errors import ApiError, revision_not_found
from hub.pulls import PULLS, By, PullRequests
from spaceport.authorize import Action, SpaceResource, authorize
from spaceport.errors import NotFound
from spaceport.ledger.discussions import MAX_TITLE
from spaceport.push import pull_number


@dataclass(frozen=True)
class Target:
    """A whole ref, and where it is."""

    ref: str
    head: str


async def target_of(call: Call, rev: str) -> Target:
    """What `rev` names, if the caller may change it; with `create_pr` the branch from which a pull
    request begins, which is anybody's who may contribute.

    Raises `Denied` before it tells what there is, and `RevisionNotFound`.
    """
    number = pull_number(rev)
    proposes = call.flag("create_pr")
    wanted = Action.WRITE if number is None and not proposes else Action.CONTRIBUTE
    authorize(call.actor, wanted, SpaceResource.of(call.space)).require()
    if number is None:
        return Target(*await branch_of(call, rev))
    if proposes:
        raise revision_not_found(rev)
    try:
        await pulls_of(call).may(by(call), Action.CHANGE, call.space, number)
    except NotFound:
        raise revision_not_found(rev) from None
    refs = await call.git(call.context.content.refs, call.space.key)
    if rev not in refs:
        raise revision_not_found(rev)
    return Target(rev, refs[rev])


def pulls_of(call: Call) -> PullRequests:
    """The actions on pull requests."""
    return call.request.app[PULLS]


def by(call: Call) -> By:
    """Who calls, from where."""
    return By(call.actor, call.request.remote or "")


def title_of(summary: str) -> str:
    """A title from the first line of a commit's message. Raises 400 for one without letters."""
    lines = summary.strip().splitlines()
    text = "".join(char for char in (lines[0] if lines else "") if char.isprintable()).strip()
    if not text:
        raise ApiError(400, "A commit needs a summary")
    return text if len(text) <= MAX_TITLE else f"{text[: MAX_TITLE - 3]}..."
