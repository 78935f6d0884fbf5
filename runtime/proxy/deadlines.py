"""One sweep looks at every deadline (security.md 4, OVL-03, OVL-04); no timer per connection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runtime.proxy import uploads
from runtime.proxy.states import CLOSED, HEAD, LINGER

if TYPE_CHECKING:
    from runtime.proxy.relay import Visitor
    from runtime.proxy.shared import Shared


def sweep(shared: Shared) -> None:
    """Move the clock, end what took too long, close connections that nobody used."""
    shared.tick()
    for visitor in list(shared.visitors):
        check(visitor, shared.now)
    for tunnel in list(shared.tunnels):
        tunnel.sweep(shared.now)
    shared.pools.sweep(shared.loop.time())


def check(visitor: Visitor, now: float) -> None:
    """End `visitor`'s request or connection if its time is over."""
    if (uploads.too_slow(visitor, now)) or now > visitor.deadline:
        expire(visitor)
    elif visitor.traffic is not None:
        visitor.traffic.last_used = visitor.shared.wall  # an open stream is use (8.3.5)


def expire(visitor: Visitor) -> None:
    """What a missed deadline means, by what was awaited."""
    visitor.shared.metrics.timeouts += 1
    state = visitor.state
    if state == HEAD and visitor.head_begun:
        visitor.refuse(408)
    elif state == HEAD:
        visitor.close_gently(still_sending=False)
    elif state in (LINGER, CLOSED):
        visitor.abort(reset=False)
    elif visitor.answering:
        visitor.cut()
    elif uploads.client_is_to_blame(visitor):
        visitor.refuse(408)
    else:
        visitor.leave_app()
        visitor.app_failed(504)
