"""Object filters of partial clones (git-rev-list(1), `--filter`), parsed strictly."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote

from gitserver.pack.file import BLOB, COMMIT, KINDS, TAG, TREE

_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
_NUMBER = re.compile(r"([0-9]{1,15})([kmg]?)", re.IGNORECASE)
_MAX_PARTS = 16


class BadFilter(ValueError):
    """Raised for a filter that is unknown or malformed; the message names it."""


@dataclass(frozen=True)
class Filter:
    """What to leave out. Objects that were asked for by id are never left out.

    `blob_limit`: blobs of this many bytes or more are left out (0: all of them).
    `tree_depth`: trees and blobs this deep or deeper are; a commit's own tree has depth 0.
    `kinds`: only these kinds are sent.
    """

    blob_limit: int | None = None
    tree_depth: int | None = None
    kinds: frozenset[int] = frozenset((COMMIT, TREE, BLOB, TAG))

    @property
    def anything(self) -> bool:
        return self != ALL

    @property
    def key(self) -> str:
        """The same text for filters that mean the same."""
        return f"{self.blob_limit} {self.tree_depth} {sorted(self.kinds)}" if self.anything else ""

    def joined(self, other: Filter) -> Filter:
        """The filter that leaves out what either leaves out."""
        return Filter(
            _least(self.blob_limit, other.blob_limit),
            _least(self.tree_depth, other.tree_depth),
            self.kinds & other.kinds,
        )


ALL = Filter()
"""Leaves out nothing."""


def parse_filter(spec: str) -> Filter:
    """Raises `BadFilter`. `sparse:oid` is refused: it would let a client spend our time freely."""
    return _parse(spec, _MAX_PARTS)


def filter_parts(spec: str) -> Iterator[tuple[str, int | None]]:
    """The kinds of filter that a sound specification is made of, with the N of `tree:N`."""
    name, _, value = spec.partition(":")
    if name == "combine":
        yield "combine", None
        for piece in value.split("+"):
            yield from filter_parts(unquote(piece))
    elif name == "tree":
        yield "tree", _number(spec, value)
    else:
        yield spec.partition("=")[0], None


def _parse(spec: str, parts: int) -> Filter:
    name, _, value = spec.partition(":")
    if spec == "blob:none":
        return Filter(blob_limit=0)
    if spec.startswith("blob:limit="):
        return Filter(blob_limit=_number(spec, spec.removeprefix("blob:limit=")))
    if name == "tree":
        return Filter(tree_depth=_number(spec, value))
    if spec.startswith("object:type="):
        kind = KINDS.get(spec.removeprefix("object:type=").encode())
        if kind is None:
            raise BadFilter(f"'{spec}' for 'object:type=<type>' is not a valid object type")
        return Filter(kinds=frozenset((kind,)))
    if name == "combine":
        pieces = value.split("+")
        if not value or len(pieces) > parts:
            raise BadFilter(f"invalid filter-spec '{spec}'")
        joined = ALL
        for piece in pieces:
            joined = joined.joined(_parse(unquote(piece), parts // 2))
        return joined
    if name == "sparse":
        raise BadFilter(f"filter '{spec}' not supported")
    raise BadFilter(f"invalid filter-spec '{spec}'")


def _number(spec: str, text: str) -> int:
    match = _NUMBER.fullmatch(text)
    if match is None:
        raise BadFilter(f"invalid filter-spec '{spec}'")
    return int(match[1]) * _UNITS[match[2].lower()]


def _least(one: int | None, other: int | None) -> int | None:
    if one is None or other is None:
        return other if one is None else one
    return min(one, other)
