"""The head that a visitor receives from an app (13.4, 13.6, PX-06, PX-07, PX-10, PX-11)."""

from __future__ import annotations

import ipaddress
from typing import Final
from urllib.parse import urlsplit

from runtime.proxy.answer import AnswerHead
from runtime.proxy.cookies import may_set
from runtime.proxy.fields import without
from runtime.proxy.routes import Route


class Body:
    """How an answer's body is framed for the visitor (plain integers: looked up for each one)."""

    NONE: Final = 0
    COUNTED: Final = 1  # Content-Length
    CHUNKED: Final = 2
    UNTIL_CLOSE: Final = 3  # only for HTTP/1.0


def framing(answer: AnswerHead, method: bytes, minor: int) -> tuple[int, bytes]:
    """The framing, rebuilt, and its header lines (PX-06). `minor` is the visitor's version."""
    if not answer.has_body(method):
        known = answer.length >= 0 and answer.status != 204
        return Body.NONE, b"Content-Length: %d\r\n" % answer.length if known else b""
    if answer.length >= 0:
        return Body.COUNTED, b"Content-Length: %d\r\n" % answer.length
    if minor == 1:
        return Body.CHUNKED, b"Transfer-Encoding: chunked\r\n"
    return Body.UNTIL_CLOSE, b""


def interim_head(answer: AnswerHead) -> bytes:
    """A 1xx answer, passed on as it is (but for hop-by-hop fields)."""
    lines = b"".join(line + b"\r\n" for line in answer.kept)
    return b"HTTP/1.1 %d %b\r\n%b\r\n" % (answer.status, answer.reason, lines)


def switching_head(answer: AnswerHead, request_id: bytes) -> bytes:
    """The 101 that opens a WebSocket."""
    lines = b"".join(line + b"\r\n" for line in answer.kept)
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: %b\r\n%bX-Request-Id: %b\r\n\r\n"
        % (answer.accept, lines, request_id)
    )


def answer_head(
    answer: AnswerHead,
    route: Route,
    *,
    host: bytes,
    framing: bytes,
    request_id: bytes,
    app_port: int,
    cross_origin: bool,
) -> bytes:
    """The complete head for the visitor, to its empty line.

    `host` is the request's, lower case and without port; `framing` says how the body is framed
    and whether the connection ends, as header lines; `cross_origin`: the request had an Origin.
    """
    lines = answer.kept
    if route.custom_names:
        lines = without(lines, route.custom_names)
    if answer.cookies or answer.locations:
        lines = lines + [b"Set-Cookie: " + c for c in answer.cookies if may_set(c, host)]
        lines += [own_location(line, app_port, route) for line in answer.locations]
    if cross_origin and not answer.allows_origin and not route.private:
        lines = [*lines, b"Access-Control-Allow-Origin: *"]
    fields = b"\r\n".join(lines) + b"\r\n" if lines else b""
    return b"HTTP/1.1 %d %b\r\n%b%bX-Request-Id: %b\r\n%b\r\n" % (
        answer.status,
        answer.reason,
        fields,
        route.answer_fields,
        request_id,
        framing,
    )


def own_location(line: bytes, app_port: int, route: Route) -> bytes:
    """A `Location` line without an address that only exists inside (PX-11).

    An app that redirects to what it takes for itself (`http://0.0.0.0:7860/x`) means its own
    host, so the authority is cut off. The hub's address is never such a one.
    """
    name, _, value = line.partition(b":")
    try:
        url = urlsplit(value.strip(b" \t").decode("latin-1"))
        inner = url.port == app_port and _is_inner(url.hostname or "")
    except ValueError:
        return line
    if not inner or route.hub_url.startswith(f"{url.scheme}://{url.netloc}/"):
        return line
    tail = url._replace(scheme="", netloc="").geturl()
    return name + b": " + ("/" + tail.lstrip("/")).encode("latin-1")


def _is_inner(hostname: str) -> bool:
    if hostname == "localhost":
        return True
    try:
        address = ipaddress.ip_address(hostname)
    except ValueError:
        return False
    return address.is_private or address.is_loopback or address.is_unspecified
