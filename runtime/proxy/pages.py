"""What a visitor sees when no app answers (8.4): a page for people, JSON for programs.

Texts come from the route or from here, never from an app or an exception: no address, id or path
of ours is in them (PX-12).
"""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path

import jinja2
from markupsafe import Markup

from runtime.proxy.head import RequestHead
from runtime.proxy.local import HTML, JSON, LocalAnswer, wants_html
from runtime.proxy.routes import Route
from spaceport.stage import Stage

_TEMPLATES = Path(__file__).parent / "templates"
_STYLE = Markup((_TEMPLATES / "page.css").read_text())  # noqa: S704 our own file
_PAGE = jinja2.Environment(
    loader=jinja2.FileSystemLoader(_TEMPLATES), autoescape=True, undefined=jinja2.StrictUndefined
).get_template("page.html")
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_FIELDS = (
    "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n"
    f"Content-Security-Policy: default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; "
    "base-uri 'none'; form-action 'none'\r\n"
)

# stage → title, sentence when the route has no cause, which log tells more
_STAGES: dict[Stage, tuple[str, str, str]] = {
    Stage.NO_APP_FILE: ("No application file", "There is nothing to run here yet.", ""),
    Stage.CONFIG_ERROR: ("Configuration error", "This Space cannot start as it is set up.", ""),
    Stage.BUILDING: ("Building", "This Space is being built.", "build"),
    Stage.BUILD_ERROR: ("Build error", "The last build of this Space failed.", "build"),
    Stage.APP_STARTING: ("Starting", "This Space is starting.", "container"),
    Stage.RUNTIME_ERROR: ("Runtime error", "This Space has stopped with an error.", "container"),
    Stage.PAUSED: ("Paused", "This Space was paused by its owner, who can restart it.", ""),
    Stage.SLEEPING: ("Waking up", "This Space is asleep and is being started.", "container"),
}
_RESTARTING = ("Starting", "This Space is being restarted.", "container")
_WAITING = frozenset((Stage.BUILDING, Stage.APP_STARTING, Stage.SLEEPING))

# status → title and sentence, for failures of the moment
_ERRORS: dict[int, tuple[str, str]] = {
    400: ("Bad request", "This request is malformed."),
    403: ("Forbidden", "This is not allowed."),
    404: ("Not found", "There is no such Space, or you may not see it."),
    405: ("Method not allowed", "This method is not served here."),
    408: ("Request timeout", "The request did not arrive in time."),
    413: ("Too large", "The request's body is larger than this server takes."),
    414: ("Address too long", "The request's address is longer than this server takes."),
    417: ("Expectation failed", "Only 'Expect: 100-continue' is supported."),
    421: ("Misdirected request", "This connection was opened for another host."),
    426: ("Upgrade required", "Only WebSocket version 13 is supported."),
    431: ("Headers too large", "The request's headers are larger than this server takes."),
    500: ("Internal error", "Something went wrong here."),
    501: ("Not implemented", "This server does not speak that."),
    502: ("Bad gateway", "The app did not answer properly."),
    503: ("Busy", "The app has too much to do right now."),
    504: ("Gateway timeout", "The app did not answer in time."),
    505: ("Version not supported", "Only HTTP/1.0 and HTTP/1.1 are spoken here."),
    508: ("Loop", "The app called itself through this server too many times."),
}


def no_app(route: Route, head: RequestHead) -> LocalAnswer:
    """For a Space whose route has no target: 503, or 404 where there is nothing (8.4)."""
    if route.stage is Stage.DELETING:
        return error(404, head)
    title, sentence, logs = _STAGES.get(route.stage, _RESTARTING)
    waiting = route.stage in _WAITING or route.stage not in _STAGES
    status = 404 if route.stage is Stage.NO_APP_FILE else 503
    retry = f"Retry-After: {route.retry_after}\r\n" if waiting else ""
    fields = retry.encode() + route.answer_fields
    if not wants_html(head):
        content = {
            "error": route.cause or sentence,
            "stage": route.stage.value,
            "hint": route.hint,
            "space": str(route.space_id),
        }
        return LocalAnswer(status, json.dumps(content).encode(), JSON, _plain(fields))
    page = _PAGE.render(
        title=title,
        lines=[sentence] if waiting or not route.cause else [route.cause],
        hint=route.hint,
        space=str(route.space_id),
        hub_url=route.hub_url,
        logs=logs,
        refresh=route.retry_after if waiting else 0,
        style=_STYLE,
    )
    return LocalAnswer(status, page.encode(), HTML, _FIELDS.encode() + fields)


def error(status: int, head: RequestHead | None, retry_after: int | None = None) -> LocalAnswer:
    """A failure of the moment; the texts are fixed for each status."""
    title, sentence = _ERRORS[status]
    fields = b"" if retry_after is None else b"Retry-After: %d\r\n" % retry_after
    if status == 426:
        fields += b"Sec-WebSocket-Version: 13\r\n"
    if head is None or not wants_html(head):
        content = {"error": sentence}
        return LocalAnswer(status, json.dumps(content).encode(), JSON, _plain(fields))
    page = _PAGE.render(
        title=title,
        lines=[sentence],
        hint="",
        space="",
        hub_url="",
        logs="",
        refresh=retry_after or 0,
        style=_STYLE,
    )
    return LocalAnswer(status, page.encode(), HTML, _FIELDS.encode() + fields)


def moved(location: str) -> LocalAnswer:
    """A renamed Space: the same path at its new host (13.1.4)."""
    return LocalAnswer(308, fields=b"Location: %b\r\n" % location.encode("latin-1"))


def _plain(fields: bytes) -> bytes:
    return b"Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n" + fields
