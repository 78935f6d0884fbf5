"""What a client asks for, as data, and how its lines are read (strictly, GIT-21 and GIT-26)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from gitserver.pack.filters import BadFilter, filter_parts, parse_filter
from gitserver.upload.rules import UploadRules

INFINITE_DEPTH = 0x7FFFFFFF
"""The depth that stands for "everything" (`git fetch --unshallow`)."""

_OID = re.compile(r"[0-9a-f]{40}")
_NUMBER = re.compile(r"[0-9]{1,10}")
_TIME = re.compile(r"[0-9]{1,15}")


class ProtocolError(Exception):
    """Raised for a request that must be refused; the message is what the client is told."""


@dataclass
class FetchRequest:
    """One fetch: filled line by line, then only read. Ids are hex.

    `depth` 0 means that no depth was asked for; `since` likewise.
    """

    wants: list[str] = field(default_factory=list)
    want_refs: list[str] = field(default_factory=list)
    haves: list[str] = field(default_factory=list)
    shallow: list[str] = field(default_factory=list)
    depth: int = 0
    since: int = 0
    deepen_not: list[str] = field(default_factory=list)
    relative: bool = False
    filter: str = ""
    done: bool = False
    thin: bool = False
    ofs_delta: bool = False
    include_tag: bool = False
    no_progress: bool = False
    sideband_all: bool = False
    wait_for_done: bool = False

    @property
    def deepens(self) -> bool:
        return bool(self.depth or self.since or self.deepen_not)

    def add_line(self, line: str, rules: UploadRules) -> bool:
        """Take a line that v0 and v2 share; False when it is none of them.

        Raises `ProtocolError`.
        """
        name, _, value = line.partition(" ")
        if name == "want":
            self._add(self.wants, check_oid(value, line), rules.limits.wants, "wants")
        elif name == "have":
            self._add(self.haves, check_oid(value, line), rules.limits.haves, "haves")
        elif name == "shallow":
            self._add(self.shallow, check_oid(value, line), rules.limits.haves, "shallow lines")
        elif name == "deepen":
            self.depth = _positive(_NUMBER, value, "deepen")
            self.depth = min(self.depth, INFINITE_DEPTH)
        elif name == "deepen-since":
            self.since = _positive(_TIME, value, "deepen-since")
        elif name == "deepen-not":
            self._add(self.deepen_not, value, 1000, "deepen-not lines")
        elif name == "filter":
            if not rules.filters:
                raise ProtocolError("filter capability was not offered")
            self.filter = value
            self._check_filter(rules)
        else:
            return False
        return True

    def check(self) -> None:
        """Raises `ProtocolError` for parts that exclude one another."""
        if self.depth and (self.since or self.deepen_not):
            raise ProtocolError("deepen and deepen-since (or deepen-not) cannot be used together")

    def _check_filter(self, rules: UploadRules) -> None:
        try:
            parse_filter(self.filter)
        except BadFilter as error:
            raise ProtocolError(str(error)) from error
        for kind, depth in filter_parts(self.filter):
            taken = dict(rules.filter_kinds)
            if not taken.get(kind, taken.get("", True)):
                raise ProtocolError(f"filter '{kind}' not supported")
            if depth is not None and rules.tree_depth is not None and depth > rules.tree_depth:
                raise ProtocolError(
                    f"tree filter allows max depth {rules.tree_depth}, but got {depth}"
                )

    @staticmethod
    def _add(found: list[str], value: str, limit: int, what: str) -> None:
        if len(found) >= limit:
            raise ProtocolError(f"too many {what} (at most {limit})")
        found.append(value)


def check_oid(value: str, line: str) -> str:
    """An id, or `ProtocolError`."""
    if not _OID.fullmatch(value):
        raise ProtocolError(f"protocol error, expected an object id, got {line!r}")
    return value


def _positive(pattern: re.Pattern[str], value: str, what: str) -> int:
    if not pattern.fullmatch(value) or int(value) == 0:
        raise ProtocolError(f"invalid {what}: {value!r}")
    return int(value)


def text_of(packet: bytes) -> str:
    """The text of a line; bytes that are no UTF-8 are kept apart, so that they match nothing."""
    return packet.removesuffix(b"\n").decode("utf-8", "surrogateescape")
