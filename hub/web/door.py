"""The door of every page: who is it, may the browser have meant it, and what if it fails."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import quote

from aiohttp import web

from hub.context import HubContext
from hub.web.cookies import drop_session, read_session
from hub.web.security import frame_source, new_nonce, page_headers, right_token, same_origin
from hub.web.templating import Templates
from hub.web.visit import Visit
from spaceport.actor import ANONYMOUS
from spaceport.authorize import Denied
from spaceport.errors import (
    BudgetSpent,
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    SpaceportError,
    Unavailable,
)
from spaceport.identify import Shown, identify

logger = logging.getLogger(__name__)

Handler = Callable[[Visit], Awaitable[web.StreamResponse]]

_STATUS: dict[type[SpaceportError], int] = {
    NotFound: 404,
    Forbidden: 403,
    Conflict: 409,
    Invalid: 400,
    BudgetSpent: 402,
    Unavailable: 503,
}
_TITLES = {
    400: "That did not work",
    401: "Please sign in",
    402: "The budget is spent",
    403: "Not allowed",
    404: "Not found",
    409: "That is taken",
    503: "Not available right now",
    500: "Something went wrong",
}
_NOT_FOUND = "There is no such page, or you may not see it."
_CSRF_FIELD = "csrf"
_CSRF_HEADER = "X-CSRF-Token"


@dataclass(frozen=True)
class Door:
    """Turns a page's handler into one for aiohttp. The same steps for every page, in this order:
    the session's cookie, for changes the request's origin and token, the handler, the headers."""

    context: HubContext
    templates: Templates

    def __call__(self, handler: Handler) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def answer(request: web.Request) -> web.StreamResponse:
            visit = await self._visit(request)
            try:
                await self._check_change(visit)
                response = await handler(visit)
            except web.HTTPException:
                raise
            except SpaceportError as error:
                response = self._refusal(visit, error)
            except Exception:
                response = self._failure(visit)
            return self._finish(visit, response)

        return answer

    async def _visit(self, request: web.Request) -> Visit:
        cookie = read_session(request, secure=self.context.secure)
        actor = ANONYMOUS
        if cookie:
            actor = await self.context.pools.run(
                "db", identify, self.context.ledger, Shown(cookie=cookie)
            )
        return Visit(request, self.context, self.templates, actor, new_nonce())

    async def _check_change(self, visit: Visit) -> None:
        request = visit.request
        if request.method in ("GET", "HEAD"):
            return
        if not same_origin(request.headers, request.host):
            raise Forbidden("This did not come from a page of this site, so nothing was changed.")
        if visit.actor.session is None:
            return
        given = request.headers.get(_CSRF_HEADER) or (await visit.form()).get(_CSRF_FIELD)
        if not right_token(given, visit.actor.session.csrf):
            raise Forbidden(
                "This page is older than your session, so nothing was changed.",
                hint="Go back, reload the page and try again.",
            )

    def _refusal(self, visit: Visit, error: SpaceportError) -> web.StreamResponse:
        status = _STATUS.get(type(error), 500)
        message, hint = str(error), error.hint
        if isinstance(error, Denied):
            status = error.decision.status
            if error.decision.code:  # what is hidden looks like what does not exist
                status, message = 404, _NOT_FOUND
        if visit.wants_json:
            return web.json_response({"error": message, "hint": hint}, status=status)
        if status == 401 and visit.request.method == "GET":
            return visit.go(f"/login?next={quote(visit.request.path_qs, safe='')}")
        return self._error_page(visit, status, message, hint)

    def _failure(self, visit: Visit) -> web.StreamResponse:
        """The person gets a number to tell, the log gets the rest (API-28)."""
        number = secrets.token_hex(6)
        logger.exception("page %s failed (%s)", visit.request.path, number)
        message = "This is our fault, not yours."
        hint = f"Tell the administrator this number: {number}"
        if visit.wants_json:
            return web.json_response({"error": message, "hint": hint}, status=500)
        return self._error_page(visit, 500, message, hint)

    def _error_page(self, visit: Visit, status: int, message: str, hint: str) -> web.StreamResponse:
        title = _TITLES.get(status, _TITLES[500])
        return visit.page("error.html", status=status, title=title, message=message, hint=hint)

    def _finish(self, visit: Visit, response: web.StreamResponse) -> web.StreamResponse:
        if response.prepared:
            return response
        frames = frame_source(self.context.settings)
        for name, value in page_headers(visit.nonce, frames, secure=self.context.secure).items():
            if name not in response.headers:
                response.headers[name] = value
        cookie = read_session(visit.request, secure=self.context.secure)
        if cookie and visit.actor.anonymous and not response.cookies:
            drop_session(response, secure=self.context.secure)  # it is over: forget it
        return response
