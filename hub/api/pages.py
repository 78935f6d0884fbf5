"""Pages of lists: bounded, with `Link: <...>; rel="next"` that keeps the query (hub-api 1.3)."""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime

from hub.api.call import Call
from hub.api.errors import ApiError
from spaceport.ledger.spaces import Mark

DEFAULT = 100
_MICRO = 1_000_000


def limit_of(call: Call) -> int:
    """`limit` of the query, cut to the largest page there is. Raises 400 for what is no count."""
    given = call.request.query.get("limit")
    if given is None:
        return min(DEFAULT, call.limits.page)
    if not given.isascii() or not given.isdigit() or int(given[:9]) < 1:
        raise ApiError(400, "limit must be a number above 0")
    return min(int(given[:9]), call.limits.page)


def offset_of(call: Call) -> int:
    """`p` of the query: how many entries earlier pages had. Raises 400."""
    given = call.request.query.get("p", "0")
    if not given.isascii() or not given.isdigit() or len(given) > 9:
        raise ApiError(400, "p must be a number")
    return int(given)


def next_link(call: Call, **changes: str) -> str:
    """The value of `Link` for the next page: absolute, the query as it was but for `changes`."""
    query = call.request.rel_url.query.copy()
    for name, value in changes.items():
        query[name] = value
    path = call.request.rel_url.with_query(query).raw_path_qs
    return f'<{call.origin}{path}>; rel="next"'


def cursor_text(mark: Mark) -> str:
    """A place in a list as an opaque word."""
    at, key = mark
    micros = int(at.timestamp()) * _MICRO + at.microsecond
    return base64.urlsafe_b64encode(f"{micros}|{key}".encode()).decode()


def read_cursor(text: str) -> Mark:
    """The inverse of `cursor_text`. Raises 400 for anything else."""
    try:
        micros, _, key = base64.urlsafe_b64decode(text.encode()).decode().partition("|")
        seconds, rest = divmod(int(micros), _MICRO)
        if len(key) != 24 or not key.isalnum():
            raise ValueError(key)
        return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest), key
    except (ValueError, OverflowError, OSError, UnicodeError, binascii.Error):
        raise ApiError(400, "cursor is not one that this server gave") from None
