"""What changed between two revisions, file by file, as pages show it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gitserver.compare import Change
from gitserver.diff import FileDiff

SHOWN_LINES = 5_000
_WORDS = {
    Change.ADDED: "added",
    Change.REMOVED: "removed",
    Change.MODIFIED: "changed",
    Change.RENAMED: "renamed",
}
_KINDS = {b"+": "plus", b"-": "minus"}


@dataclass(frozen=True)
class Line:
    """`kind`: hunk, plus, minus or empty."""

    kind: str
    text: str


@dataclass(frozen=True)
class Shown:
    """A file as the page shows it; `lines` is None where they are not shown."""

    path: str
    before: str
    what: str
    added: int
    removed: int
    lines: tuple[Line, ...] | None


def shown_files(files: Iterable[FileDiff]) -> list[Shown]:
    """Lines until there are as many as a page can hold; the other files are named only."""
    shown, left = [], SHOWN_LINES
    for file in files:
        lines = _lines(file)
        if lines is not None and len(lines) > left:
            lines = None
        left -= len(lines or ())
        old = file.changed.old
        renamed = old is not None and file.changed.change is Change.RENAMED
        before = old.path if renamed and old is not None else ""
        what = _WORDS[file.changed.change]
        shown.append(Shown(file.changed.path, before, what, file.added, file.removed, lines))
    return shown


def _lines(file: FileDiff) -> tuple[Line, ...] | None:
    if file.hunks is None:
        return None
    found = []
    for hunk in file.hunks:
        found.append(Line("hunk", hunk.header.decode()))
        for line in hunk.lines:
            text = line.decode("utf-8", "replace").rstrip("\r\n")
            found.append(Line(_KINDS.get(line[:1], ""), text))
    return tuple(found)
