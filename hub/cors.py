"""What pages of other origins may read of the hub: the API, as anybody without a cookie may.

`*` and never `Access-Control-Allow-Credentials`: a page gets what a stranger with `curl` gets, or
what a token that it holds gets; never what the visitor's session could (API-23).
"""

from __future__ import annotations

from aiohttp import web
from aiohttp.typedefs import Handler

PATHS = ("/api/", "/oauth/", "/.well-known/")
METHODS = "GET, HEAD, POST, PUT, DELETE"
ALLOWED = "Authorization, Content-Type, Range"
EXPOSED = (  # hub-api 1.3: what clients read of an answer, besides what browsers always show
    "Accept-Ranges, Content-Range, Date, ETag, Link, Location, RateLimit, RateLimit-Policy, "
    "Retry-After, X-Error-Code, X-Error-Message, X-HF-Warning, X-Linked-ETag, X-Linked-Size, "
    "X-Repo-Commit, X-Request-Id"
)
DAY = str(24 * 3600)


def add_cors(app: web.Application) -> None:
    """Call before the routes are added, so that it stands before every other middleware."""
    app.middlewares.append(_preflight)
    app.on_response_prepare.append(_mark)


@web.middleware
async def _preflight(request: web.Request, handler: Handler) -> web.StreamResponse:
    asked = "Access-Control-Request-Method" in request.headers
    if request.method != "OPTIONS" or not asked or not _shared(request):
        return await handler(request)
    headers = {
        "Access-Control-Allow-Methods": METHODS,
        "Access-Control-Allow-Headers": ALLOWED,
        "Access-Control-Max-Age": DAY,
    }
    return web.Response(status=204, headers=headers)


async def _mark(request: web.Request, response: web.StreamResponse) -> None:
    if _shared(request):
        response.headers["Access-Control-Allow-Origin"] = "*"
        response.headers["Access-Control-Expose-Headers"] = EXPOSED


def _shared(request: web.Request) -> bool:
    return request.path.startswith(PATHS) or "/resolve/" in request.path
