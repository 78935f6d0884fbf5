"""Small helpers for lines of output and their stamps. Pure."""

from __future__ import annotations

LONGEST_LINE = 64 * 1024


def decoded(line: bytes) -> str:
    """As text, whatever it was, without a carriage return at its end."""
    return line.decode("utf-8", errors="replace").removesuffix("\r")


def later(stamp: str, since: str | None) -> bool:
    """Whether `stamp` is after `since`; both RFC 3339 in UTC, with up to nine digits."""
    return since is None or _key(stamp) > _key(since)


def _key(stamp: str) -> tuple[str, str]:
    whole, _, fraction = stamp.rstrip("Z").partition(".")
    return whole, fraction.ljust(9, "0")
