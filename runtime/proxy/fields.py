"""Which header fields mean something to a proxy, and what (PX-07, PX-08, PX-11).

A field's name decides its kind; everything without a kind passes as it is. Names are looked up as
they were spelled, so each spelling is examined once and then costs one look-up in a dictionary.
"""

from __future__ import annotations

from typing import Final

TOKEN = b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
"""Bytes of a field name (RFC 9110 5.6.2)."""

PRINTABLE = b"\t" + bytes(range(0x20, 0x7F)) + bytes(range(0x80, 0x100))
"""Bytes of a field value; what is left after deleting them must be the line ends alone."""


class Kind:
    """What to do with a field; only `KEEP` is passed on without a look at its value.

    Plain integers in a plain class: an enum's members take longer to look up than a header line
    takes to be read.
    """

    KEEP: Final = 0
    DROP: Final = 1
    BAD: Final = (
        2  # no field name at all, or a spelling that some programs take for a framing field
    )
    HOST: Final = 3
    CONNECTION: Final = 4
    LENGTH: Final = 5
    CODING: Final = 6
    UPGRADE: Final = 7
    COOKIE: Final = 8
    EXPECT: Final = 9
    AUTHORIZATION: Final = 10
    HF_AUTHORIZATION: Final = 11
    FORWARDED_FOR: Final = 12
    HOPS: Final = 13
    ORIGIN: Final = 14
    WEBSOCKET_KEY: Final = 15
    WEBSOCKET_VERSION: Final = 16
    SET_COOKIE: Final = 17
    LOCATION: Final = 18
    WEBSOCKET_ACCEPT: Final = 19
    ALLOW_ORIGIN: Final = 20


_HOP_BY_HOP = (
    "keep-alive proxy-connection proxy-authenticate proxy-authorization proxy-authentication-info "
    "te trailer http2-settings"
)
_SOMEBODY_ELSES_WORD = (
    "forwarded via x-real-ip x-request-id x-ip-token proxy x-client-ip true-client-ip "
    "cf-connecting-ip fastly-client-ip x-cluster-client-ip x-original-url x-original-host "
    "x-rewrite-url x-host x-scheme front-end-https"
)
_REQUEST = {
    "host": Kind.HOST,
    "connection": Kind.CONNECTION,
    "content-length": Kind.LENGTH,
    "transfer-encoding": Kind.CODING,
    "upgrade": Kind.UPGRADE,
    "cookie": Kind.COOKIE,
    "expect": Kind.EXPECT,
    "authorization": Kind.AUTHORIZATION,
    "x-hf-authorization": Kind.HF_AUTHORIZATION,
    "x-forwarded-for": Kind.FORWARDED_FOR,
    "x-spaceport-hops": Kind.HOPS,
    "origin": Kind.ORIGIN,
    "sec-websocket-key": Kind.WEBSOCKET_KEY,
    "sec-websocket-version": Kind.WEBSOCKET_VERSION,
    **dict.fromkeys((_HOP_BY_HOP + " " + _SOMEBODY_ELSES_WORD).split(), Kind.DROP),
}
_REQUEST_PREFIXES = ("x-forwarded-", "x-spaceport-", "x-hf-user", "x-proxied-")
_ANSWER = {
    "connection": Kind.CONNECTION,
    "content-length": Kind.LENGTH,
    "transfer-encoding": Kind.CODING,
    "upgrade": Kind.UPGRADE,
    "set-cookie": Kind.SET_COOKIE,
    "location": Kind.LOCATION,
    "content-location": Kind.LOCATION,
    "sec-websocket-accept": Kind.WEBSOCKET_ACCEPT,
    "access-control-allow-origin": Kind.ALLOW_ORIGIN,
    **dict.fromkeys(_HOP_BY_HOP.split(), Kind.DROP),
    **dict.fromkeys("via alt-svc clear-site-data x-request-id".split(), Kind.DROP),
}
_ANSWER_PREFIXES = ("x-spaceport-", "x-proxied-")

PROTECTED = frozenset(
    b"cookie authorization origin host content-type content-length x-hf-authorization".split()
)
"""What a client's `Connection` field cannot name away."""

_REMEMBERED = 4096  # spellings; hostile ones beyond that are examined each time


class Kinds(dict[bytes, int]):
    """A field name as it was spelled → its kind."""

    def __init__(self, table: dict[str, int], prefixes: tuple[str, ...]) -> None:
        super().__init__()
        self._table = table
        self._prefixes = prefixes

    def __missing__(self, name: bytes) -> int:
        kind = self._examine(name)
        if kind != Kind.BAD and len(name) <= 64 and len(self) < _REMEMBERED:
            self[name] = kind
        return kind

    def _examine(self, name: bytes) -> int:
        if not name or name.translate(None, TOKEN):
            return Kind.BAD
        spelled = name.decode("ascii").lower()
        canonical = spelled.replace("_", "-")
        kind = self._table.get(canonical, Kind.KEEP)
        if kind == Kind.KEEP and canonical.startswith(self._prefixes):
            kind = Kind.DROP
        if canonical == spelled or kind == Kind.KEEP:
            return kind
        # Many servers read `a_b` as `a-b` (CGI did): never let one stand in for the other.
        return Kind.BAD if kind in (Kind.LENGTH, Kind.CODING) else Kind.DROP


REQUEST_KINDS = Kinds(_REQUEST, _REQUEST_PREFIXES)
ANSWER_KINDS = Kinds(_ANSWER, _ANSWER_PREFIXES)


def is_length(value: bytes) -> bool:
    """Whether `value` is a Content-Length: ASCII digits and nothing else, of a sane size."""
    return value.isdigit() and len(value) <= 18


def tokens(value: bytes) -> list[bytes]:
    """The lower-case members of a comma-separated list such as `Connection`."""
    return [part for part in (piece.strip(b" \t").lower() for piece in value.split(b",")) if part]


def without(lines: list[bytes], names: frozenset[bytes] | set[bytes]) -> list[bytes]:
    """The field lines whose name is none of `names` (lower case)."""
    return [line for line in lines if line.partition(b":")[0].lower() not in names]


def value_of(lines: list[bytes], name: bytes) -> bytes:
    """The value of the first field called `name` (lower case) in kept lines, else empty."""
    for line in lines:
        key, _, value = line.partition(b":")
        if key.lower() == name:
            return value.strip(b" \t")
    return b""
