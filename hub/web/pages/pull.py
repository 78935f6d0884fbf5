"""What a pull request's page has beyond a discussion's: its files, conflicts, merge, preview."""

from __future__ import annotations

from dataclasses import dataclass
from shlex import quote

from aiohttp import web

from gitserver.content import TooLarge
from gitserver.differences import Difference
from gitserver.history import Commit
from hub import discussions
from hub.previews import Line, line_of
from hub.pulls import PULLS, By, PullRequests
from hub.pulls_shown import Outlook
from hub.web.diffs import shown_files
from hub.web.pages.space import header_of
from hub.web.visit import Visit
from spaceport.authorize import Action
from spaceport.ledger import Tx, previews
from spaceport.ledger import discussion_entries as entries
from spaceport.ledger.discussion_rows import Discussion, Status
from spaceport.ledger.spaces import Space
from spaceport.push import short_ref


@dataclass(frozen=True)
class Outline:
    """A pull request as its page needs it. `outlook` is of one under way."""

    base: str  # as people write it
    outlook: Outlook | None
    kept: bool  # whether its ref is there
    preview: Line | None
    previewed: bool  # whether this Space has previews at all

    @property
    def merge_base(self) -> str:
        """The command that brings the base in; a branch's name may hold what a shell acts on."""
        return f"git merge {quote(f'origin/{self.base}')}"

    def compare(self, found: Discussion) -> str:
        """The command that shows what it changes."""
        return f"git diff {quote(f'origin/{self.base}...{found.ref}')}"


async def outline_of(visit: Visit, space: Space, found: Discussion) -> Outline:
    pulls = pulls_of(visit)
    outlook = None
    if found.status.active:
        outlook = await visit.on("git", pulls.shown.outlook, found)
    refs = await visit.on("git", visit.context.content.refs, space.key)

    def preview(tx: Tx) -> Line | None:
        shown = previews.find(tx, space.key, found.ref)
        return None if shown is None else line_of(tx, visit.context, shown)

    return Outline(
        base=short_ref(found.base or ""),
        outlook=outlook,
        kept=found.ref in refs,
        preview=await visit.read(preview),
        previewed=visit.context.settings.previews.enabled and space.previews,
    )


async def files(visit: Visit) -> web.StreamResponse:
    """`GET .../discussions/{number}/files`: against where it parted from its base."""
    view = await visit.space(Action.READ)
    found = await _found(visit, view.space)
    shown = pulls_of(visit).shown

    def look() -> tuple[Difference | None, list[Commit]]:
        commits = shown.commits(found)
        try:
            return shown.difference(found), commits
        except TooLarge:
            return None, commits

    made, commits = await visit.on("git", look)
    return visit.page(
        "pull_files.html",
        header=await header_of(visit, view),
        tab="community",
        part="files",
        found=found,
        pull=await outline_of(visit, view.space, found),
        diff=made,
        commits=commits,
        files=[] if made is None else shown_files(made.files),
    )


async def set_pull_status(
    visit: Visit, space: Space, number: int, status: Status, text: str = ""
) -> None:
    """Open or close it, and say why."""
    by = By(visit.actor, visit.request.remote or "")
    if text.strip():
        entries.check_text(text)

    found = await pulls_of(visit).may(by, Action.CHANGE, space, number)
    await visit.read(lambda tx: discussions.check_status(tx, found, status))
    await pulls_of(visit).set_status(by, space, number, status)
    if text.strip():
        await visit.write(lambda tx: discussions.comment(tx, visit.actor, space, number, text))


async def _found(visit: Visit, space: Space) -> Discussion:
    """Raises `NotFound` for a discussion."""
    discussions.check_wanted(space)
    return await pulls_of(visit).get(space, discussions.number_of(visit.word("number")))


def pulls_of(visit: Visit) -> PullRequests:
    return visit.request.app[PULLS]
