"""What the hub's aiohttp application has to check on the connections that it was handed.

Such a connection stays there, so a later request on it may name a Space's host: that gets a 421
and the client opens a new connection. aiohttp also reads some requests more kindly than the relay
does (security.md section 3); those are refused here in the same way. To be used as the outermost
middleware: `web.Application(middlewares=[only_for_the_hub(hosts), ...])`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import HttpVersion10, HttpVersion11, hdrs, web

from runtime.proxy.host import Hosts, Owner, parse_host

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_REASONS = {
    400: "This request can be read in more than one way.",
    421: "This connection was opened for another host.",
    501: "The only transfer coding supported is chunked.",
    505: "Only HTTP/1.0 and HTTP/1.1 are spoken here.",
}


def verdict(request: web.BaseRequest, hosts: Hosts) -> int | None:
    """The status with which to refuse `request`, or None for one that is the hub's."""
    if request.version not in (HttpVersion10, HttpVersion11):
        return 505
    named = request.headers.getall(hdrs.HOST, [])
    host = parse_host(named[0].encode("utf-8", "surrogateescape")) if len(named) == 1 else None
    path = request.raw_path
    if host is None or not (path.startswith("/") or path == "*"):
        return 400
    if hosts.owner(host)[0] is not Owner.HUB:
        return 421
    codings = request.headers.getall(hdrs.TRANSFER_ENCODING, [])
    if codings and request.version == HttpVersion10:
        return 400
    if codings and (len(codings) > 1 or codings[0].strip().lower() != "chunked"):
        return 501
    return None


def only_for_the_hub(hosts: Callable[[], Hosts]) -> Callable[..., Awaitable[web.StreamResponse]]:
    """The middleware. `hosts` is asked for each request (`lambda: proxy.hosts`)."""

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        status = verdict(request, hosts())
        if status is None:
            return await handler(request)
        response = web.json_response({"error": _REASONS[status]}, status=status)
        response.force_close()
        return response

    return check
