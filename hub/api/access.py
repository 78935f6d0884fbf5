"""From a request to a call: who asks, for which Space, and whether that is allowed."""

from __future__ import annotations

from aiohttp import web

from hub import previews
from hub.api.call import Call
from hub.api.errors import ApiError
from hub.context import HubContext
from hub.moved import present_address
from hub.web.cookies import read_session
from hub.web.security import right_token, same_origin
from spaceport.actor import Actor, Means
from spaceport.authorize import Action, SpaceResource, authorize
from spaceport.errors import NotFound
from spaceport.identify import BadCredentials, Shown, identify, read_headers
from spaceport.ledger import moves
from spaceport.ledger.spaces import Space
from spaceport.names import SpaceId

CSRF_HEADER = "X-CSRF-Token"
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
_IN_QUERY = ("token", "access_token", "api_key")


def shown_by(context: HubContext, request: web.Request) -> Shown:
    """The credentials of a request. Raises `BadCredentials`; a token in the URL is one (API-05)."""
    if any(name in request.query for name in _IN_QUERY):
        raise BadCredentials("Tokens in URLs are not accepted; use the Authorization header")
    cookie = read_session(request, secure=context.secure)
    return read_headers(request.headers.getall("Authorization", []), cookie)


async def actor_of(context: HubContext, request: web.Request) -> Actor:
    """Who asks. Raises `BadCredentials`; 403 for a change by a session without its CSRF token."""
    shown = shown_by(context, request)
    actor = await context.pools.run("db", identify, context.ledger, shown)
    if actor.means is Means.SESSION and request.method not in SAFE_METHODS:
        if not same_origin(request.headers, request.host):
            raise ApiError(403, "A change by a signed-in browser must come from a page of the hub")
        given = request.headers.get(CSRF_HEADER)
        if actor.session is None or not right_token(given, actor.session.csrf):
            raise ApiError(403, f"A change by a signed-in browser needs the header {CSRF_HEADER}")
    return actor


async def space_of(
    context: HubContext, request: web.Request, actor: Actor, action: Action
) -> Space:
    """The Space of the path, or the preview that the path names below it.

    Raises `authorize.Denied`, which looks the same for an absent one.
    By a former id, a reading call is led to the present one (hub-api 1.6); others are served.
    """
    space_id = SpaceId(request.match_info["namespace"], request.match_info["name"])
    space = await context.pools.run("db", _find, context, space_id)
    authorize(actor, action, None if space is None else SpaceResource.of(space)).require()
    if space is None:
        raise ApiError(404, "Repository not found", "RepoNotFound")
    if "preview" in request.match_info:
        parent, name = space, request.match_info["preview"]
        authorize(actor, action, SpaceResource.of_previews(parent)).require()
        try:
            space = await context.pools.run("db", _find_preview, context, parent, name)
        except NotFound as error:
            raise ApiError(404, f"{error} {error.hint}", "RevisionNotFound") from None
    if not space.called(space_id) and request.method in ("GET", "HEAD"):
        raise ApiError(
            307,
            f"This Space is called {space.id} now",
            headers={"Location": present_address(request.rel_url, space_id, space.id)},
        )
    return space


async def may_still(call: Call, action: Action) -> bool:
    """Whether the caller of a long answer still may: credentials and rights are looked at anew."""
    try:
        actor = await actor_of(call.context, call.request)
        await space_of(call.context, call.request, actor, action)
    except Exception:
        return False
    return True


def _find(context: HubContext, space_id: SpaceId) -> Space | None:
    with context.ledger.read() as tx:
        return moves.find(tx, space_id)


def _find_preview(context: HubContext, parent: Space, name: str) -> Space:
    with context.ledger.read() as tx:
        return previews.find(tx, parent.key, name)
