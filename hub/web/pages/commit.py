"""`GET .../commit/{rev}`: what one commit changed. Clients name it after each upload."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from gitserver.compare import Change
from gitserver.content import TooLarge
from gitserver.diff import FileDiff
from gitserver.differences import Difference, difference
from gitserver.history import Commit
from hub.web.pages.space import header_of
from hub.web.visit import Visit
from spaceport.authorize import Action

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


async def page(visit: Visit) -> web.StreamResponse:
    """Against its first parent, as every forge shows a commit."""
    view = await visit.space(Action.READ)
    rev = visit.request.match_info["rev"]

    def look() -> tuple[Commit, Difference | None]:
        content, key = visit.context.content, view.space.key
        commit = content.commit(key, content.resolve(key, rev))
        try:
            before = commit.parents[0] if commit.parents else None
            return commit, difference(content, key, before, commit.oid)
        except TooLarge:
            return commit, None

    commit, found = await visit.on("git", look)
    return visit.page(
        "commit.html",
        header=await header_of(visit, view),
        tab="files",
        commit=commit,
        found=found,
        files=[] if found is None else _shown(found.files),
    )


def _shown(files: tuple[FileDiff, ...]) -> list[Shown]:
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
