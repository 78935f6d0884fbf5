"""`Range`, `If-Range` and `If-None-Match` of a request for a file (RFC 9110 13 and 14)."""

from __future__ import annotations

import re
from dataclasses import dataclass

_RANGE = re.compile(rb"bytes=(?:([0-9]{1,18})-([0-9]{0,18})|-([0-9]{1,18}))")


@dataclass(frozen=True)
class Conditions:
    """The three fields as they were sent; empty where they were not."""

    if_none_match: bytes = b""
    if_range: bytes = b""
    range: bytes = b""


NONE = Conditions()
_NAMES = {b"if-none-match": "if_none_match", b"if-range": "if_range", b"range": "range"}


def conditions(lines: list[bytes]) -> Conditions:
    """Read them from a request's header lines."""
    found: dict[str, bytes] = {}
    for line in lines:
        if line[:1] in b"IiRr":
            name, _, value = line.partition(b":")
            key = _NAMES.get(name.lower())
            if key is not None:
                found[key] = value.strip(b" \t")
    return Conditions(**found) if found else NONE


def not_modified(wanted: Conditions, etag: bytes) -> bool:
    if not wanted.if_none_match:
        return False
    known = [tag.strip(b" \t").removeprefix(b"W/") for tag in wanted.if_none_match.split(b",")]
    return b"*" in known or etag in known


def byte_range(wanted: Conditions, etag: bytes, size: int) -> tuple[int, int] | None:
    """`(offset, count)` of the part to send; None for the whole.

    Raises `ValueError` for a range that the file does not have (416). Several ranges, other units
    and malformed ones are ignored, as the standard allows.
    """
    if not wanted.range or (wanted.if_range and wanted.if_range != etag):
        return None
    match = _RANGE.fullmatch(wanted.range)
    if match is None:
        return None
    first, last, suffix = match.groups()
    if suffix is not None:
        count = min(int(suffix), size)
        offset = size - count
    else:
        offset = int(first)
        end = min(int(last), size - 1) if last else size - 1
        if last and int(last) < offset:
            return None
        count = end - offset + 1
    if count <= 0:
        raise ValueError("the range is outside of the file")
    return offset, count
