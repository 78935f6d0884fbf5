"""The buttons of a pull request's page: merge, publish, delete its commits, let its preview run."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from hub import discussions
from hub.pulls import By, PullRequests
from hub.web.pages.discussion import back, number_of, show
from hub.web.pages.pull import pulls_of, set_pull_status
from hub.web.visit import Visit
from spaceport.authorize import Action, Denied
from spaceport.errors import SpaceportError
from spaceport.ledger.discussion_rows import Status
from spaceport.ledger.spaces import Space

Change = Callable[[PullRequests, By, Space, int], Awaitable[object]]


async def merge(visit: Visit) -> web.StreamResponse:
    """`POST .../merge`: of the very head that the page showed."""
    head = (await visit.form()).get("head", "")
    return await _do(visit, lambda pulls, by, space, n: pulls.merge(by, space, n, head=head))


async def publish(visit: Visit) -> web.StreamResponse:
    """`POST .../publish`: a draft is ready to be looked at, and merged."""
    return await _do(
        visit, lambda pulls, by, space, n: set_pull_status(visit, space, n, Status.OPEN)
    )


async def redraft(visit: Visit) -> web.StreamResponse:
    """`POST .../draft`: it is not to be merged yet."""
    return await _do(
        visit, lambda pulls, by, space, n: set_pull_status(visit, space, n, Status.DRAFT)
    )


async def delete_ref(visit: Visit) -> web.StreamResponse:
    """`POST .../delete-ref`: the commits of one that is over, for good."""
    return await _do(visit, lambda pulls, by, space, n: pulls.delete_ref(by, space, n))


async def trust(visit: Visit) -> web.StreamResponse:
    """`POST .../trust`: its preview may run this head."""
    head = (await visit.form()).get("head", "")
    return await _do(visit, lambda pulls, by, space, n: pulls.trust(by, space, n, head))


async def _do(visit: Visit, change: Change) -> web.StreamResponse:
    """Back to the conversation; why it did not work is told there."""
    view = await visit.space(Action.READ, Action.CONTRIBUTE)
    discussions.check_wanted(view.space)
    by = By(visit.actor, visit.request.remote or "")
    try:
        await change(pulls_of(visit), by, view.space, number_of(visit))
    except Denied:
        raise
    except SpaceportError as error:
        problem = f"{error} {error.hint}".strip()
        return await show(visit, view, problem=problem, at="pull")
    return await back(visit, view.space, last=True)
