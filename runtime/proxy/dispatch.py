"""Who answers a request: an app, a folder, a page of ours, or first the door (8.4, 13.5).

Decisions on plain data (`look_up`, `decide`) apart from the few steps that act on them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from runtime.proxy import hold, pages
from runtime.proxy.door import REFUSED, Admission
from runtime.proxy.host import Host, Hosts, Owner, parse_host
from runtime.proxy.refused import Refused
from runtime.proxy.routes import Folder, Replicas, Route, Upstream

if TYPE_CHECKING:
    from runtime.proxy.pool import Pool
    from runtime.proxy.relay import Visitor


@dataclass(frozen=True)
class Destination:
    """What a Host header means here: the hub, a Space's label, or neither (an empty label)."""

    is_hub: bool
    label: str
    host: Host
    name: bytes  # the host's name, as cookies are compared with it


NOWHERE = Destination(False, "", Host("", None), b"")


def look_up(raw: bytes, hosts: Hosts) -> Destination:
    """Raises `Refused` for a Host that is not exactly one well-formed name (PX-01)."""
    host = parse_host(raw)
    if host is None:
        raise Refused(400, "malformed Host")
    owner, label = hosts.owner(host)
    if owner is Owner.MALFORMED:
        raise Refused(400, "no Space can have this host")
    return Destination(owner is Owner.HUB, label, host, host.name.encode())


Verdict = Literal["missing", "moved", "loop", "door", "serve"]
"""What happens to a request before any byte of it goes anywhere."""


def decide(route: Route | None, hops: int, max_hops: int) -> Verdict:
    """The order is a security decision: a private Space is never told from a missing one."""
    if route is None:
        return "missing"
    if hops >= max_hops:
        return "loop"
    if route.private:
        return "door"
    return "moved" if route.moved_to else "serve"


def arrive(visitor: Visitor) -> None:
    """Set the visitor's present request on its way, through every check."""
    shared, head = visitor.shared, visitor.head
    if head is None:
        return
    label = visitor.destination.label
    route = shared.routes.get(label) if label else None
    visitor.route = route
    verdict = decide(route, head.fields.hops, shared.settings.head.hops)
    if verdict == "serve" and route is not None:
        serve(visitor, route)
    elif verdict == "loop":
        visitor.reply(pages.error(508, head))
    elif route is None:
        visitor.reply(pages.error(404, head))
    elif verdict == "door":
        _knock(visitor, route)
    else:
        visitor.reply(pages.moved(_new_address(visitor, route)))


def _new_address(visitor: Visitor, route: Route) -> str:
    head, settings = visitor.head, visitor.shared.settings
    old = visitor.destination.host
    port = settings.public_port or old.port
    authority = f"{route.moved_to}.{visitor.shared.hosts.domain}" + (f":{port}" if port else "")
    target = head.target.decode("latin-1") if head else "/"
    return f"{settings.public_scheme}://{authority}{target}"


# -- the door ----------------------------------------------------------------------------------


def _knock(visitor: Visitor, route: Route) -> None:
    shared, head = visitor.shared, visitor.head
    if head is None:
        return
    shown = shared.door.credentials(head)
    admission = shared.door.remembered(route, shown, shared.now)
    if admission is not None:
        _admitted(visitor, route, admission)
        return

    async def ask() -> None:
        try:
            admitted = await shared.door.ask(route, shown, shared.now)
        except Exception as error:  # fail closed, and as quietly as for a missing Space
            shared.report(error)
            admitted = REFUSED
        _admitted(visitor, route, admitted)

    visitor.spawn(ask())


def _admitted(visitor: Visitor, route: Route, admission: Admission) -> None:
    head = visitor.head
    if not admission.admitted or head is None:
        visitor.reply(pages.error(404, head))  # as if it did not exist (13.5.1)
        return
    visitor.keep_authorization = admission.keep_authorization
    if admission.cookie:
        visitor.extra_fields = visitor.shared.door.set_cookie(admission.cookie)
    if route.moved_to:
        visitor.reply(pages.moved(_new_address(visitor, route)))
    else:
        serve(visitor, route)


# -- who answers -------------------------------------------------------------------------------


def serve(visitor: Visitor, route: Route) -> None:
    """Let the route's target answer; access has been checked."""
    target = route.target
    if isinstance(target, Replicas) and target.upstreams:
        _to_app(visitor, route, target)
    elif isinstance(target, Folder):
        visitor.shared.traffic.of(route.space_key).last_used = visitor.shared.wall
        visitor.shared.metrics.static_requests += 1
        visitor.shared.static.answer(visitor, route, target)
    else:
        _without_app(visitor, route)


def _without_app(visitor: Visitor, route: Route) -> None:
    shared, head = visitor.shared, visitor.head
    if head is None:
        return
    if route.wakes and head.method != b"HEAD":
        shared.wake(route)
    traffic = shared.traffic.of(route.space_key)
    traffic.missed = shared.now
    if not visitor.held and hold.may_wait(head, route, shared.settings, traffic):
        visitor.spawn(_hold(visitor, route))
    else:
        visitor.reply(pages.no_app(route, head))


async def _hold(visitor: Visitor, route: Route) -> None:
    await hold.wait(visitor, route)
    visitor.held = True
    arrive(visitor)


def _to_app(visitor: Visitor, route: Route, target: Replicas) -> None:
    shared, head = visitor.shared, visitor.head
    if head is None:
        return
    settings = shared.settings
    traffic = shared.traffic.of(route.space_key)
    if head.fields.length > settings.max_body:
        visitor.reply(pages.error(413, head))
        return
    if traffic.requests >= settings.requests_per_space or (
        head.websocket_key and traffic.websockets >= settings.websockets_per_space
    ):
        visitor.reply(pages.error(503, head, retry_after=1))
        return
    traffic.last_used = shared.wall
    traffic.requests += 1
    visitor.traffic = traffic
    visitor.pool = pool = shared.pools.choose(target.upstreams)
    pool.begin(visitor)
    if pool.upstream.frozen and visitor.thawed != pool.upstream.replica_id:
        visitor.spawn(_thaw(visitor, pool.upstream))
        return
    app = pool.take()
    if app is not None:
        visitor.attach(app)
    else:
        visitor.spawn(_dial(visitor, pool))


async def _thaw(visitor: Visitor, upstream: Upstream) -> None:
    """Wait until the app goes on, then look again where this request belongs.

    It counts as in flight meanwhile, so that nobody freezes the app anew.
    """
    shared, route = visitor.shared, visitor.route
    shared.metrics.thaw_waits += 1
    try:
        await upstream.thaw()
    except Exception as error:
        shared.report(error)
        if route is not None and shared.routes.get(route.label) == route:
            visitor.reply(pages.error(503, visitor.head, retry_after=1))
            return
    visitor.thawed = upstream.replica_id
    visitor.leave_app()
    arrive(visitor)


async def _dial(visitor: Visitor, pool: Pool) -> None:
    """Connect and send; no byte has gone to an app yet, so one other try is safe (PX-26)."""
    try:
        app = await pool.dial()
    except Exception:
        app = None
    if app is not None and pool.routed:
        visitor.attach(app)
        return
    if app is not None:
        app.discard()
    if visitor.retried or visitor.head is None:
        visitor.app_failed(502)
        return
    visitor.retried = True
    visitor.leave_app()
    arrive(visitor)
