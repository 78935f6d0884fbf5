"""Read the head of a request, strictly: one meaning or a refusal (PX-02 to PX-08, RFC 9112).

Pure: bytes in, `RequestHead` out, `Refused` raised. Whatever another server might read in a second
way is refused here, so that the app and this proxy never disagree where a request ends.
"""

from __future__ import annotations

import re

from config.proxy import HeadLimits
from runtime.proxy.host import parse_host
from runtime.proxy.refused import Refused
from runtime.proxy.request_fields import RequestFields, read_fields, remembered_fields

_REQUEST_LINE = re.compile(rb"([A-Z][A-Z-]{1,30}) ([\x21\x22\x24-\x7e]+) HTTP/1\.([01])")
_OTHER_VERSION = re.compile(rb"[A-Z-]+ \S+ HTTP/[0-9](?:\.[0-9])?")
_ABSOLUTE = re.compile(rb"(?i:https?)://([^/?]+)(/[^?]*)?(\?.*)?")
_KEY = re.compile(rb"[A-Za-z0-9+/]{21}[AQgw]==")  # sixteen bytes in base64
_UNSUPPORTED = {b"CONNECT": 501, b"TRACE": 405, b"TRACK": 405, b"PRI": 505}
_REMEMBERED_SIZE = 4096


class RequestHead:
    """One request. Bytes are as they were sent; `target` is always origin-form (or `*`)."""

    __slots__ = ("close", "fields", "method", "minor", "target", "websocket_key")

    def __init__(self, method: bytes, target: bytes, minor: int, fields: RequestFields) -> None:
        self.method = method
        self.target = target
        self.minor = minor
        self.fields = fields
        self.close = minor == 0 or fields.close  # the connection ends after this request
        self.websocket_key = b""  # set: this is a well-formed WebSocket upgrade

    @property
    def expects(self) -> bool:
        """Whether the client waits for a 100 before it sends its body."""
        return self.fields.expects and self.minor == 1


def read_head(block: bytes, limits: HeadLimits) -> RequestHead:
    """Read a request's head; `block` ends before the empty line. Raises `Refused`."""
    line, _, rest = block.partition(b"\r\n")
    method, target, minor = _request_line(line, limits)
    # A client repeats its fields from request to request, so what they mean is remembered.
    read = remembered_fields if len(rest) <= _REMEMBERED_SIZE else read_fields
    fields = read(rest, limits.count)
    if target[0] != 0x2F and target != b"*":
        target = _origin_form(method, target, fields.host)
    head = RequestHead(method, target, minor, fields)
    if fields.chunked and minor == 0:
        raise Refused(400, "Transfer-Encoding in HTTP/1.0")
    if fields.upgrades and minor == 1:
        head.websocket_key = _websocket_key(head)
    return head


def refuse_early(part: bytes, limits: HeadLimits) -> None:
    """Raise `Refused` for the beginning of a head that can never become a good one."""
    line_end = part.find(b"\r\n", 0, limits.request_line + 2)
    if line_end < 0 and len(part) > limits.request_line:
        raise Refused(414, "the request line is too long")
    if len(part) > limits.block:
        raise Refused(431, "the head is too large")
    if not 65 <= part[0] <= 90:
        raise Refused(400, "not an HTTP request")
    if part.count(b"\n") != part.count(b"\r\n"):
        raise Refused(400, "a line ends without CR")


def _request_line(line: bytes, limits: HeadLimits) -> tuple[bytes, bytes, int]:
    if len(line) > limits.request_line:
        raise Refused(414, "the request line is too long")
    match = _REQUEST_LINE.fullmatch(line)
    if match is None:
        if _OTHER_VERSION.fullmatch(line):
            raise Refused(505, "only HTTP/1.0 and HTTP/1.1 are spoken here")
        raise Refused(400, "malformed request line")
    method, target, minor = match.groups()
    if method in _UNSUPPORTED:
        raise Refused(_UNSUPPORTED[method], "this method is not served")
    if target == b"*" and method != b"OPTIONS":
        raise Refused(400, "only OPTIONS may ask for *")
    return method, target, minor[0] - 0x30


def _origin_form(method: bytes, target: bytes, host: bytes) -> bytes:
    """The path and query of an absolute target whose authority is the Host itself (PX-02)."""
    match = _ABSOLUTE.fullmatch(target)
    if match is None:
        raise Refused(400, "malformed request target")
    named = parse_host(match[1])
    if named is None or named != parse_host(host):
        raise Refused(400, "the target names another host than the Host field")
    path, query = match[2] or b"", match[3] or b""
    if not path and not query and method == b"OPTIONS":
        return b"*"
    return (path or b"/") + query


def _websocket_key(head: RequestHead) -> bytes:
    """Only a complete upgrade stays one (PX-14)."""
    fields = head.fields
    if head.method != b"GET" or fields.has_body:
        raise Refused(400, "a WebSocket begins with a GET without a body")
    if fields.websocket_version != b"13":
        raise Refused(426, "only WebSocket version 13 is supported")
    if not _KEY.fullmatch(fields.websocket_key):
        raise Refused(400, "malformed Sec-WebSocket-Key")
    return fields.websocket_key
