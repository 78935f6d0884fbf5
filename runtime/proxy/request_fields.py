"""The header fields of a request: what they mean here, and what of them the app gets.

Pure: the bytes between the request line and the empty line go in. Nothing in a `RequestFields`
depends on the connection, so equal bytes always give an equal one and may share it.
"""

from __future__ import annotations

import re
from functools import lru_cache

from runtime.proxy.cookies import without_platform_cookies
from runtime.proxy.fields import (
    PRINTABLE,
    PROTECTED,
    REQUEST_KINDS,
    Kind,
    is_length,
    tokens,
    without,
)
from runtime.proxy.refused import Refused

_HOPS = re.compile(rb"[0-9]{1,3}")
_REMEMBERED = 512  # blocks of fields, of up to 4 KiB each


class RequestFields:
    """Read once, never changed afterwards."""

    __slots__ = (
        "authorization",
        "chunked",
        "close",
        "cookies",
        "expects",
        "for_app",
        "forwarded_for",
        "has_body",
        "hf_authorization",
        "hops",
        "host",
        "kept",
        "length",
        "origin",
        "upgrades",
        "websocket_key",
        "websocket_version",
    )

    def __init__(self) -> None:
        self.host = b""
        self.length = -1  # of the body; -1: no Content-Length
        self.chunked = False
        self.has_body = False
        self.close = False
        self.expects = False
        self.upgrades = False  # asks for a WebSocket, well-formed or not
        self.websocket_key = b""
        self.websocket_version = b""
        self.authorization = b""
        self.hf_authorization = b""
        self.forwarded_for = b""
        self.hops = 0
        self.origin = False
        self.cookies: list[bytes] = []
        self.kept: list[bytes] = []  # lines to pass on unchanged
        self.for_app = b""  # all lines that the app gets of these, Authorization left out


def read_fields(block: bytes, most: int) -> RequestFields:
    """Read field lines; `block` has no line end behind the last. Raises `Refused`."""
    lines = block.split(b"\r\n") if block else []
    if len(lines) > most:
        raise Refused(431, "too many header fields")
    # What is left without printable bytes must be our line ends: no NUL, no lone CR or LF.
    if lines and len(block.translate(None, PRINTABLE)) != 2 * (len(lines) - 1):
        raise Refused(400, "control characters in the head")
    return _Reader().read(lines)


@lru_cache(maxsize=_REMEMBERED)
def remembered_fields(block: bytes, most: int) -> RequestFields:
    """`read_fields`, remembering the latest good blocks."""
    return read_fields(block, most)


class _Reader:
    """Collects what may come only once, then decides."""

    __slots__ = ("codings", "connection", "fields", "hosts", "lengths", "upgrade")

    def __init__(self) -> None:
        self.fields = RequestFields()
        self.hosts: list[bytes] = []
        self.lengths: list[bytes] = []
        self.codings: list[bytes] = []
        self.connection: list[bytes] = []
        self.upgrade = b""

    def read(self, lines: list[bytes]) -> RequestFields:
        kinds = REQUEST_KINDS
        keep = self.fields.kept.append
        keep_kind, drop_kind = Kind.KEEP, Kind.DROP
        for line in lines:
            name, colon, value = line.partition(b":")
            kind = kinds[name]
            if kind == keep_kind and colon:
                keep(line)
            elif not colon:
                raise Refused(400, "a header line without a colon")
            elif kind != drop_kind:
                self._special(kind, line, value.strip(b" \t"))
        return self._finish()

    def _special(self, kind: int, line: bytes, value: bytes) -> None:
        fields = self.fields
        if kind == Kind.BAD:
            raise Refused(400, "malformed header name")
        if kind == Kind.HOST:
            self.hosts.append(value)
        elif kind == Kind.CONNECTION:
            self.connection += tokens(value)
        elif kind == Kind.COOKIE:
            fields.cookies.append(value)
        elif kind == Kind.LENGTH:
            self.lengths.append(value)
        elif kind == Kind.CODING:
            self.codings.append(value)
        elif kind == Kind.ORIGIN:
            fields.origin = True
            fields.kept.append(line)
        elif kind == Kind.UPGRADE:
            self.upgrade = value.lower()
        elif kind == Kind.EXPECT:
            if value.lower() != b"100-continue":
                raise Refused(417, "only Expect: 100-continue is supported")
            fields.expects = True
        else:
            self._credential(kind, value)

    def _credential(self, kind: int, value: bytes) -> None:
        fields = self.fields
        if kind == Kind.AUTHORIZATION:
            if fields.authorization:
                raise Refused(400, "two Authorization fields")
            fields.authorization = value
        elif kind == Kind.HF_AUTHORIZATION:
            if fields.hf_authorization:
                raise Refused(400, "two X-HF-Authorization fields")
            fields.hf_authorization = value
        elif kind == Kind.FORWARDED_FOR:
            before = fields.forwarded_for
            fields.forwarded_for = before + b", " + value if before else value
        elif kind == Kind.HOPS:
            fields.hops = int(value) if _HOPS.fullmatch(value) else 0
        elif kind == Kind.WEBSOCKET_KEY:
            if fields.websocket_key:
                raise Refused(400, "two Sec-WebSocket-Key fields")
            fields.websocket_key = value
        else:
            fields.websocket_version = value

    def _finish(self) -> RequestFields:
        fields = self.fields
        if len(self.hosts) != 1:
            raise Refused(400, "a request names exactly one Host")
        fields.host = self.hosts[0]
        if self.lengths or self.codings:
            self._framing()
        if self.connection:
            fields.close = b"close" in self.connection
            named = set(self.connection) - PROTECTED
            if named - {b"close", b"keep-alive", b"upgrade"}:
                fields.kept = without(fields.kept, named)
        fields.upgrades = self.upgrade == b"websocket" and b"upgrade" in self.connection
        fields.for_app = _for_app(fields)
        return fields

    def _framing(self) -> None:
        fields = self.fields
        if self.lengths and self.codings:
            raise Refused(400, "both Content-Length and Transfer-Encoding")
        if self.codings:
            if len(self.codings) != 1 or self.codings[0].lower() != b"chunked":
                raise Refused(501, "the only transfer coding supported is chunked")
            fields.chunked = True
        elif len(self.lengths) != 1 or not is_length(self.lengths[0]):
            raise Refused(400, "malformed Content-Length")
        else:
            fields.length = int(self.lengths[0])
        fields.has_body = fields.chunked or fields.length > 0


def _for_app(fields: RequestFields) -> bytes:
    """The lines, each with its end, that the app gets whoever sent them (PX-06 to PX-09)."""
    lines = fields.kept.copy()
    for value in fields.cookies:
        cookie = without_platform_cookies(value)
        if cookie:
            lines.append(b"Cookie: " + cookie)
    if fields.chunked:
        lines.append(b"Transfer-Encoding: chunked")
    elif fields.length >= 0:
        lines.append(b"Content-Length: %d" % fields.length)
    lines.append(b"X-Spaceport-Hops: %d\r\n" % (fields.hops + 1))
    return b"\r\n".join(lines)
