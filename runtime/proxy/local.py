"""Answers that the proxy gives itself."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus

from runtime.proxy.fields import value_of
from runtime.proxy.head import RequestHead

TEXT = "text/plain; charset=utf-8"
HTML = "text/html; charset=utf-8"
JSON = "application/json"


@dataclass(frozen=True)
class LocalAnswer:
    """A whole answer. `fields` are complete header lines with their ends."""

    status: int
    body: bytes = b""
    content_type: str = TEXT
    fields: bytes = b""

    def encode(self, *, head_only: bool = False, close: bool = False, more: int = 0) -> bytes:
        """The bytes for the visitor; `more` bytes of body come behind them by other means."""
        no_body = self.status == 304
        size = len(self.body) + more
        framing = b"" if no_body else b"Content-Length: %d\r\n" % size
        kind = b"Content-Type: %b\r\n" % self.content_type.encode() if size else b""
        return b"HTTP/1.1 %d %b\r\n%b%b%b%b\r\n%b" % (
            self.status,
            reason(self.status),
            kind,
            framing,
            self.fields,
            b"Connection: close\r\n" if close else b"",
            b"" if head_only or no_body else self.body,
        )


def reason(status: int) -> bytes:
    try:
        return HTTPStatus(status).phrase.encode()
    except ValueError:
        return b""


def wants_html(head: RequestHead) -> bool:
    """Whether a person looks at the answer: a navigation, not a program's call."""
    return head.method in (b"GET", b"HEAD") and b"text/html" in value_of(
        head.fields.kept, b"accept"
    )
