"""A request's body on its way from the visitor to the app, and whose fault it is when it stops."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runtime.proxy.bodies import BadBody
from runtime.proxy.states import ANSWER, BODY

if TYPE_CHECKING:
    from runtime.proxy.relay import Visitor

HELD_BYTES = 64 * 1024  # of a client that sends on while it has to wait


def start(visitor: Visitor) -> None:
    """The app has the head: let the body follow."""
    if visitor.body is None:
        return
    visitor.deadline = visitor.shared.now + visitor.settings.timeouts.body
    visitor.body.restart_clock(visitor.shared.now)
    visitor.resume_reading()
    data, visitor.buffer = visitor.buffer, b""
    if data:
        pass_on(visitor, data)


def pass_on(visitor: Visitor, data: bytes) -> None:
    """Bytes of the client's body (and perhaps of its next request) have come."""
    body, app = visitor.body, visitor.app
    if body is None or app is None:
        return
    visitor.deadline = visitor.shared.now + visitor.settings.timeouts.body
    try:
        out = body.feed(data)
    except BadBody:
        _refuse(visitor, 400)
        return
    if body.passed > visitor.settings.max_body:
        _refuse(visitor, 413)
        return
    if out:
        app.transport.write(out)
    if body.done and visitor.app is app:
        visitor.buffer = body.rest
        visitor.state = ANSWER
        visitor.deadline = visitor.shared.now + visitor.settings.timeouts.first_byte


def _refuse(visitor: Visitor, status: int) -> None:
    if visitor.answering:
        visitor.cut()
    else:
        visitor.refuse(status)


def app_is_full(visitor: Visitor) -> None:
    """The app reads slower than the client sends: the app is waited for now."""
    if visitor.state == BODY:
        visitor.deadline = visitor.shared.now + visitor.settings.timeouts.first_byte
        visitor.pause_reading()


def app_takes_more(visitor: Visitor) -> None:
    """The app has caught up: the client is waited for again."""
    if visitor.reading_paused and len(visitor.buffer) <= HELD_BYTES:
        if visitor.state == BODY and visitor.body is not None:
            visitor.deadline = visitor.shared.now + visitor.settings.timeouts.body
            visitor.body.restart_clock(visitor.shared.now)
        visitor.resume_reading()


def too_slow(visitor: Visitor, now: float) -> bool:
    """Whether the client, which may send, does not keep up the least rate (OVL-04)."""
    body, timeouts = visitor.body, visitor.settings.timeouts
    if visitor.state != BODY or body is None or visitor.reading_paused:
        return False
    return body.too_slow(now, timeouts.body_rate, timeouts.body_rate_after)


def client_is_to_blame(visitor: Visitor) -> bool:
    """Whether an upload that stands still does so because the client sends nothing."""
    return visitor.state == BODY and not visitor.reading_paused
