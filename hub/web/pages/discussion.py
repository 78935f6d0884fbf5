"""One discussion or pull request: what was said and done in it, and the forms to go on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web
from markupsafe import Markup

from hub import discussions
from hub.web.comments import renderer
from hub.web.pages.pull import outline_of, set_pull_status
from hub.web.pages.space import header_of
from hub.web.visit import Visit
from spaceport.authorize import Action, Authored, Denied, SpaceResource
from spaceport.errors import Invalid, SpaceportError
from spaceport.ledger import Tx
from spaceport.ledger import discussion_entries as entries
from spaceport.ledger import discussions as ledger
from spaceport.ledger.discussion_entries import Entry, EntryKind
from spaceport.ledger.discussion_rows import Discussion, Status
from spaceport.ledger.overview import Overview
from spaceport.ledger.spaces import Space

PAGE = 100
"""Entries on one page."""


@dataclass(frozen=True)
class Line:
    """An entry as this visitor sees it; `html` is that of a comment."""

    entry: Entry
    html: Markup
    editable: bool
    hideable: bool


@dataclass(frozen=True)
class May:
    """What this visitor may do here."""

    comment: bool
    change: bool
    write: bool


async def page(visit: Visit) -> web.StreamResponse:
    """`GET .../discussions/{number}`, with `?edit=ID` or `?hide=ID` the form for that comment."""
    return await show(visit, await visit.space(Action.READ))


async def show(
    visit: Visit, view: Overview, *, problem: str = "", at: str = "", typed: str = ""
) -> web.StreamResponse:
    """The page; `problem` stands above it all, or at the form of that name (`comment`, `pull`).
    The one for a comment has `typed` in it."""
    space, number = view.space, number_of(visit)

    def read(tx: Tx) -> tuple[Discussion, list[Entry]]:
        return discussions.get(tx, space, number), entries.of(tx, space.key, number)

    found, told = await visit.read(read)
    pages = max(1, -(-len(told) // PAGE))
    here = min(_page(visit), pages)
    shown = told[(here - 1) * PAGE : here * PAGE]
    pull = await outline_of(visit, space, found) if found.pull_request else None
    return visit.page(
        "discussion.html",
        status=400 if problem else 200,
        header=await header_of(visit, view),
        tab="community",
        found=found,
        part="talk",
        lines=await _lines(visit, space, found, shown),
        comments=sum(entry.kind is EntryKind.COMMENT for entry in told),
        page=here,
        pages=pages,
        pull=pull,
        may=may_of(visit, space, found),
        editing=visit.query.get("edit", ""),
        hiding=visit.query.get("hide", ""),
        renaming=visit.query.get("rename") == "1",
        problem=problem,
        at_form=at,
        typed=typed,
        most_title=ledger.MAX_TITLE,
        most_text=entries.MAX_TEXT,
    )


async def comment(visit: Visit) -> web.StreamResponse:
    """`POST .../comment`; with a `status` it is closed, or opened again, as well."""
    view = await visit.space(Action.READ, Action.CONTRIBUTE)
    fields, space, actor, number = await visit.form(), view.space, visit.actor, number_of(visit)
    text, status = fields.get("text", ""), fields.get("status", "")
    try:
        if status:
            await _set_status(visit, space, status, text)
        else:
            await visit.write(lambda tx: discussions.comment(tx, actor, space, number, text))
    except Denied:
        raise
    except SpaceportError as error:
        problem = f"{error} {error.hint}".strip()
        return await show(visit, view, problem=problem, at="comment", typed=text)
    return await back(visit, space, last=True)


async def edit(visit: Visit) -> web.StreamResponse:
    """`POST .../comment/{comment}/edit`."""
    text, id = (await visit.form()).get("text", ""), visit.word("comment")
    return await _change(
        visit,
        lambda tx, space: discussions.edit(tx, visit.actor, space, number_of(visit), id, text),
        anchor=id,
    )


async def hide(visit: Visit) -> web.StreamResponse:
    """`POST .../comment/{comment}/hide`: final."""
    id = visit.word("comment")
    return await _change(
        visit,
        lambda tx, space: discussions.hide(tx, visit.actor, space, number_of(visit), id),
        anchor=id,
    )


async def rename(visit: Visit) -> web.StreamResponse:
    """`POST .../title`."""
    title = (await visit.form()).get("title", "")
    return await _change(
        visit, lambda tx, space: discussions.rename(tx, visit.actor, space, number_of(visit), title)
    )


async def pin(visit: Visit) -> web.StreamResponse:
    """`POST .../pin`."""
    wanted = (await visit.form()).get("wanted") == "1"
    return await _change(
        visit, lambda tx, space: discussions.pin(tx, visit.actor, space, number_of(visit), wanted)
    )


async def lock(visit: Visit) -> web.StreamResponse:
    """`POST .../lock`."""
    wanted = (await visit.form()).get("wanted") == "1"
    return await _change(
        visit, lambda tx, space: discussions.lock(tx, visit.actor, space, number_of(visit), wanted)
    )


def number_of(visit: Visit) -> int:
    return discussions.number_of(visit.word("number"))


def may_of(visit: Visit, space: Space, found: Discussion) -> May:
    thing = discussions.authored(space, found)
    return May(
        comment=visit.may(Action.COMMENT, thing),
        change=visit.may(Action.CHANGE, thing),
        write=visit.may(Action.WRITE, SpaceResource.of(space)),
    )


async def back(visit: Visit, space: Space, *, anchor: str = "", last: bool = False) -> web.Response:
    """To where the entry stands: that of the id, or the last."""
    number = number_of(visit)
    told = await visit.read(lambda tx: [each.id for each in entries.of(tx, space.key, number)])
    if last and told:
        anchor = told[-1]
    at = told.index(anchor) // PAGE + 1 if anchor in told else 1
    path = f"/spaces/{space.id}/discussions/{number}"
    query = f"?page={at}" if at > 1 else ""
    return visit.go(f"{path}{query}#c-{anchor}" if anchor else path)


async def _change(
    visit: Visit, change: Callable[[Tx, Space], object], *, anchor: str = ""
) -> web.StreamResponse:
    view = await visit.space(Action.READ, Action.CONTRIBUTE)
    try:
        await visit.write(lambda tx: change(tx, view.space))
    except Denied:
        raise
    except SpaceportError as error:
        return await show(visit, view, problem=f"{error} {error.hint}".strip())
    return await back(visit, view.space, anchor=anchor)


async def _set_status(visit: Visit, space: Space, word: str, text: str) -> None:
    if word not in (Status.OPEN, Status.CLOSED):
        raise Invalid("It can be opened or closed.")
    status, number = Status(word), number_of(visit)
    found = await visit.read(lambda tx: discussions.get(tx, space, number))
    if found.pull_request:
        await set_pull_status(visit, space, number, status, text)
        return
    await visit.write(
        lambda tx: discussions.set_status(tx, visit.actor, space, number, status, text)
    )


async def _lines(visit: Visit, space: Space, found: Discussion, shown: list[Entry]) -> list[Line]:
    """Markdown takes time to render, so not on the event loop."""
    here = SpaceResource.of(space)
    comments = visit.may(Action.COMMENT, discussions.authored(space, found))

    def line(entry: Entry, render: Callable[[str], Markup]) -> Line:
        if entry.kind is not EntryKind.COMMENT or entry.hidden:
            return Line(entry, Markup(), False, False)
        mine = Authored(here, entry.author_id or "")
        editable = comments and visit.may(Action.REWRITE, mine)
        return Line(entry, render(entry.text), editable, visit.may(Action.CHANGE, mine))

    def work() -> list[Line]:
        render = renderer(f"/spaces/{space.id}")
        return [line(entry, render) for entry in shown]

    return await visit.on("files", work)


def _page(visit: Visit) -> int:
    given = visit.query.get("page", "1")
    return max(1, int(given)) if given.isascii() and given.isdigit() and len(given) < 6 else 1
