"""The head that an app receives: framing rebuilt, forwarding set fresh (13.6, PX-06 to PX-09)."""

from __future__ import annotations

import ipaddress
import re
from itertools import count
from secrets import token_hex

from config.proxy import ProxySettings
from runtime.proxy.head import RequestHead
from runtime.proxy.host import Host

_CLAIM = re.compile(rb"[0-9A-Fa-f:.\[\]]{2,47}(?:[ \t]*,[ \t]*[0-9A-Fa-f:.\[\]]{2,47}){0,15}")


class RequestIds:
    """Unique over the life of the server and across its processes; cheap."""

    def __init__(self) -> None:
        self._prefix = token_hex(8).encode() + b"-"
        self._count = count(1)

    def next(self) -> bytes:
        return self._prefix + b"%x" % next(self._count)


def address_text(address: str) -> bytes:
    """A peer's address as headers name it: no zone, IPv4 in IPv6 unwrapped."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return b"unknown"
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped:
        parsed = parsed.ipv4_mapped
    return str(parsed).encode()


class Forwarding:
    """What is the same for every request that one client sends to one host."""

    __slots__ = ("_address", "_alone", "_append", "_fields")

    def __init__(self, address: bytes, host: Host, raw: bytes, settings: ProxySettings) -> None:
        default = 443 if settings.public_scheme == "https" else 80
        port = settings.public_port or host.port or default
        self._address = address
        self._append = settings.forwarded_for == "append"
        self._fields = b"Host: %b\r\nX-Forwarded-Proto: %b\r\nX-Forwarded-Host: %b\r\n" % (
            raw,
            settings.public_scheme.encode(),
            raw,
        ) + (b"X-Forwarded-Port: %d\r\nX-Forwarded-For: " % port)
        self._alone = self._fields + address

    def fields(self, claim: bytes) -> bytes:
        """Host and forwarding lines; `claim` is the caller's own X-Forwarded-For."""
        if claim and self._append and _CLAIM.fullmatch(claim):
            return self._fields + claim + b", " + self._address
        return self._alone


def without_ticket(target: bytes) -> bytes:
    """The target without the `__sign` parameter (13.5.5); every other byte stays (PX-24)."""
    path, _, query = target.partition(b"?")
    kept = [part for part in query.split(b"&") if not part.startswith(b"__sign=")]
    return path + b"?" + b"&".join(kept) if kept else path


def request_head(
    head: RequestHead, forwarding: Forwarding, request_id: bytes, *, keep_authorization: bool
) -> bytes:
    """The complete head for the app, to its empty line."""
    fields = head.fields
    extra = b""
    if fields.authorization and keep_authorization:
        extra = b"Authorization: %b\r\n" % fields.authorization
    if head.websocket_key:
        extra += _WEBSOCKET % head.websocket_key
    elif head.expects:
        extra += b"Expect: 100-continue\r\n"
    target = head.target
    if b"__sign=" in target:
        target = without_ticket(target)
    return b"".join(
        (
            head.method,
            b" ",
            target,
            b" HTTP/1.1\r\n",
            forwarding.fields(fields.forwarded_for),
            b"\r\nX-Request-Id: ",
            request_id,
            b"\r\n",
            fields.for_app,
            extra,
            b"\r\n",
        )
    )


_WEBSOCKET = (
    b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %b\r\n"
)
