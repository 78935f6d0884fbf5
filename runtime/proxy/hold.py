"""Hold a program's request while its Space starts, with a 102 every other second (hub-api 14).

`gradio_client` gives up after five silent seconds and takes a 503 for an error, but it waits as
long as interim answers come. Only programs known to understand those are held: others (Python's
own http.client, for one) take a 102 for the final answer.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from config.proxy import ProxySettings
from runtime.proxy.fields import value_of
from runtime.proxy.head import RequestHead
from runtime.proxy.routes import Route
from runtime.proxy.traffic import Traffic
from spaceport.stage import Stage

if TYPE_CHECKING:
    from runtime.proxy.relay import Visitor

_PROCESSING = b"HTTP/1.1 102 Processing\r\n\r\n"


def hopeful(route: Route) -> bool:
    """Whether this Space, which has no app now, is about to have one."""
    starting = route.stage in (Stage.APP_STARTING, Stage.SLEEPING)
    return route.target is None and (route.expected or route.wakes or starting)


def may_wait(head: RequestHead, route: Route, settings: ProxySettings, traffic: Traffic) -> bool:
    """Whether this request is held: the Space is about to start and the program can wait."""
    if not hopeful(route) or head.minor == 0 or head.websocket_key:
        return False
    if not settings.hold or traffic.held >= settings.held_per_space:
        return False
    agent = value_of(head.fields.kept, b"user-agent").decode("latin-1").lower()
    return agent.startswith(settings.hold_agents)


async def wait(visitor: Visitor, route: Route) -> None:
    """Return when the Space has an app, will not get one, or the time is over."""
    shared = visitor.shared
    settings = shared.settings
    traffic = shared.traffic.of(route.space_key)
    end = shared.loop.time() + settings.hold
    traffic.held += 1
    try:
        now: Route | None = route
        while now is not None and hopeful(now) and shared.loop.time() < end:
            visitor.deadline = shared.now + settings.timeouts.first_byte
            visitor.transport.write(_PROCESSING)
            now = await _next_route(visitor, now, shared.loop.time() + settings.hold_interval)
    finally:
        traffic.held -= 1


async def _next_route(visitor: Visitor, route: Route, until: float) -> Route | None:
    """The Space's route as soon as it is another one, or as it is at `until`."""
    shared = visitor.shared
    while (left := until - shared.loop.time()) > 0:
        await asyncio.wait([shared.route_change], timeout=left)
        if shared.routes.get(route.label) != route:
            break
    return shared.routes.get(route.label)
