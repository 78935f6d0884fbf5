"""Read the head of an app's answer; the app is a hostile server (PX-13, RFC 9112).

Pure: bytes in, `AnswerHead` out, `BadAnswer` raised; the visitor then gets a 502.
"""

from __future__ import annotations

import re
from functools import lru_cache

from config.proxy import HeadLimits
from runtime.proxy.fields import ANSWER_KINDS, PRINTABLE, Kind, is_length, tokens, without

_STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-5][0-9][0-9])(?: ([\t\x20-\x7e\x80-\xff]{0,200}))?")
_KEEP_NAMED = frozenset(b"close keep-alive upgrade content-type content-length set-cookie".split())


class BadAnswer(Exception):
    """Raised for an answer that is not well-formed HTTP/1."""


class AnswerHead:
    """One answer. What the app did not say has its value here in the class."""

    length = -1  # Content-Length
    chunked = False
    upgrade = b""
    accept = b""  # Sec-WebSocket-Accept
    allows_origin = False
    cookies: tuple[bytes, ...] = ()  # values of Set-Cookie
    locations: tuple[bytes, ...] = ()  # whole lines of Location and Content-Location

    def __init__(self, status: int, reason: bytes, minor: int) -> None:
        self.status = status
        self.reason = reason
        self.close = minor == 0  # the app ends this connection after the answer
        self.kept: list[bytes] = []

    def has_body(self, method: bytes) -> bool:
        """Whether bytes follow the head (RFC 9112 6.3)."""
        return method != b"HEAD" and self.status >= 200 and self.status not in (204, 304)


def read_answer(block: bytes, limits: HeadLimits) -> AnswerHead:
    """Read an answer's head; `block` ends before the empty line. Raises `BadAnswer`."""
    lines = block.split(b"\r\n")
    if len(lines) - 1 > limits.answer_count:
        raise BadAnswer("too many header fields")
    if len(block.translate(None, PRINTABLE)) != 2 * (len(lines) - 1):
        raise BadAnswer("control characters in the head")
    answer = AnswerHead(*_status_line(lines[0]))
    _read_fields(answer, lines)
    return answer


@lru_cache(maxsize=256)
def _status_line(line: bytes) -> tuple[int, bytes, int]:
    """Status, reason and minor version; there are only so many different lines."""
    match = _STATUS_LINE.fullmatch(line)
    if match is None:
        raise BadAnswer("malformed status line")
    return int(match[2]), match[3] or b"", match[1][0] - 0x30


def _read_fields(answer: AnswerHead, lines: list[bytes]) -> None:
    kinds = ANSWER_KINDS
    keep = answer.kept.append
    keep_kind, drop_kind = Kind.KEEP, Kind.DROP
    named: list[bytes] = []
    fields = iter(lines)
    next(fields)  # the status line
    for line in fields:
        name, colon, value = line.partition(b":")
        kind = kinds[name]
        if kind == keep_kind and colon:
            keep(line)
        elif not colon or kind == Kind.BAD:
            raise BadAnswer("malformed header line")
        elif kind == Kind.CONNECTION:
            if value != b" keep-alive":
                named += tokens(value)
        elif kind != drop_kind:
            _special(answer, kind, line, value.strip(b" \t"))
    if answer.chunked and answer.length >= 0:
        raise BadAnswer("both Content-Length and Transfer-Encoding")
    if named:
        answer.close = answer.close or b"close" in named
        away = set(named) - _KEEP_NAMED
        if away:
            answer.kept = without(answer.kept, away)


def _special(answer: AnswerHead, kind: int, line: bytes, value: bytes) -> None:
    if kind == Kind.LENGTH:
        if answer.length >= 0 or not is_length(value):
            raise BadAnswer("malformed Content-Length")
        answer.length = int(value)
    elif kind == Kind.CODING:
        if answer.chunked or value.lower() != b"chunked":
            raise BadAnswer("unknown transfer coding")
        answer.chunked = True
    elif kind == Kind.SET_COOKIE:
        answer.cookies += (value,)
    elif kind == Kind.LOCATION:
        answer.locations += (line,)
    elif kind == Kind.UPGRADE:
        answer.upgrade = value.lower()
    elif kind == Kind.WEBSOCKET_ACCEPT:
        answer.accept = value
    else:  # ALLOW_ORIGIN
        answer.allows_origin = True
        answer.kept.append(line)
