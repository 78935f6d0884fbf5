"""Checks of commits and tags (git-fsck(1)): the message id and what is wrong, or nothing.

git calls all of these errors, `nulInCommit` a warning that `--strict` makes an error.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from gitserver.objects.entry import KINDS

Problem = tuple[str, str]

_ID_LINE = re.compile(rb"[0-9a-f]{40}\Z")
_ZONE = re.compile(rb"[+-][0-9]{4}\Z")
_LATEST = 2**63 - 1


def check_commit(data: bytes) -> Iterator[Problem]:
    """Every problem of a commit that can be seen before the first that ends reading."""
    yield from _header_bounds(data)
    lines = _header_lines(data)
    if not lines or not lines[0].startswith(b"tree "):
        yield "missingTree", "invalid format - expected 'tree' line"
        return
    if not _is_id(lines[0][5:]):
        yield "badTreeSha1", "invalid 'tree' line format - bad sha1"
    at = 1
    while at < len(lines) and lines[at].startswith(b"parent "):
        if not _is_id(lines[at][7:]):
            yield "badParentSha1", "invalid 'parent' line format - bad sha1"
        at += 1
    authors = 0
    while at < len(lines) and lines[at].startswith(b"author "):
        yield from _check_ident(lines[at][7:])
        authors += 1
        at += 1
    if authors != 1:
        yield (
            ("multipleAuthors", "invalid format - multiple 'author' lines")
            if authors
            else ("missingAuthor", "invalid format - expected 'author' line")
        )
    if at >= len(lines) or not lines[at].startswith(b"committer "):
        yield "missingCommitter", "invalid format - expected 'committer' line"
    else:
        yield from _check_ident(lines[at][10:])
    if b"\0" in data:
        yield "nulInCommit", "NUL byte in the commit object body"


def check_tag(data: bytes) -> Iterator[Problem]:
    """The same for a tag object."""
    yield from _header_bounds(data)
    lines = _header_lines(data)
    for number, (word, missing) in enumerate(
        (
            (b"object ", "missingObject"),
            (b"type ", "missingTypeEntry"),
            (b"tag ", "missingTagEntry"),
        )
    ):
        if number >= len(lines) or not lines[number].startswith(word):
            yield missing, f"invalid format - expected '{word.decode().strip()}' line"
            return
    if not _is_id(lines[0][7:]):
        yield "badObjectSha1", "invalid 'object' line format - bad sha1"
    if lines[1][5:].decode("ascii", "replace") not in KINDS:
        yield "badType", "invalid 'type' value"
    if len(lines) > 3 and lines[3].startswith(b"tagger "):
        yield from _check_ident(lines[3][7:])


def _header_bounds(data: bytes) -> Iterator[Problem]:
    end = data.find(b"\n\n")
    nul = data.find(b"\0", 0, len(data) if end < 0 else end)
    if nul >= 0:
        yield "nulInHeader", f"unterminated header: NUL at offset {nul}"
    elif end < 0 and not data.endswith(b"\n"):
        yield "unterminatedHeader", "unterminated header"


def _header_lines(data: bytes) -> list[bytes]:
    head = data.partition(b"\n\n")[0]
    return head.removesuffix(b"\n").split(b"\n")


def _is_id(digits: bytes) -> bool:
    return _ID_LINE.match(digits) is not None and digits.strip(b"0") != b""


def _check_ident(line: bytes) -> Iterator[Problem]:
    """`Name <mail> seconds zone`, judged as git does; the first problem ends it."""
    where = "invalid author/committer line - "
    if line.startswith(b"<"):
        yield "missingNameBeforeEmail", where + "missing space before email"
        return
    opening = _first_of(line, 0)
    if line[opening : opening + 1] == b">":
        yield "badName", where + "bad name"
        return
    if line[opening : opening + 1] != b"<":
        yield "missingEmail", where + "missing email"
        return
    if line[opening - 1 : opening] != b" ":
        yield "missingSpaceBeforeEmail", where + "missing space before email"
        return
    closing = _first_of(line, opening + 1)
    if line[closing : closing + 1] != b">":
        yield "badEmail", where + "bad email"
        return
    rest = line[closing + 1 :]
    if not rest.startswith(b" "):
        yield "missingSpaceBeforeDate", where + "missing space before date"
        return
    yield from _check_date(rest[1:], where)


def _check_date(rest: bytes, where: str) -> Iterator[Problem]:
    seconds, space, zone = rest.partition(b" ")
    if seconds.startswith(b"0") and seconds != b"0":
        yield "zeroPaddedDate", where + "zero-padded date"
    elif not seconds.isdigit() or not space:
        yield "badDate", where + "bad date"
    elif int(seconds[:30]) > _LATEST:
        yield "badDateOverflow", where + "date causes integer overflow"
    elif not _ZONE.match(zone):
        yield "badTimezone", where + "bad time zone"


def _first_of(line: bytes, start: int) -> int:
    at = start
    while at < len(line) and line[at] not in b"<>":
        at += 1
    return at
