"""The community tab: the list of discussions and pull requests, and opening one (16.5)."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from aiohttp import web

from hub import discussions
from hub.pulls import PULLS, By
from hub.web.pages.space import header_of
from hub.web.visit import Visit
from spaceport.authorize import Action, Denied, SpaceResource
from spaceport.errors import SpaceportError
from spaceport.ledger import Tx
from spaceport.ledger import discussion_entries as entries
from spaceport.ledger import discussions as ledger
from spaceport.ledger.discussion_rows import Discussion
from spaceport.ledger.discussions import Filter
from spaceport.ledger.overview import Overview
from spaceport.names import SpaceKey

PAGE = 25
MAX_AUTHOR = 100
TYPES = {"": None, "discussion": False, "pull_request": True}
STATUSES = {"open": discussions.OPEN, "closed": discussions.CLOSED, "all": None}


@dataclass(frozen=True)
class Wish:
    """What to list: one kind or both, open or closed ones, whose, which page (from 0)."""

    kind: str = ""
    status: str = "open"
    author: str = ""
    page: int = 0

    def to(self, **changes: str | int) -> str:
        """The query of the same list but for `changes`; another list begins at its first page."""
        wanted = {"type": self.kind, "status": self.status, "author": self.author, "page": 0}
        wanted |= changes
        defaults = {"type": "", "status": "open", "author": "", "page": 0}
        return "?" + urlencode({k: v for k, v in wanted.items() if v != defaults[k]})

    def filter(self, status: str) -> Filter:
        return Filter(TYPES[self.kind], STATUSES[status], self.author)


@dataclass(frozen=True)
class Listed:
    """`counts`: how many of them are open, and how many closed, by those words."""

    found: list[Discussion]
    comments: dict[int, int]
    counts: dict[str, int]

    def more(self, wish: Wish) -> bool:
        total = self.counts.get(wish.status, sum(self.counts.values()))
        return total > (wish.page + 1) * PAGE


async def page(visit: Visit) -> web.StreamResponse:
    """`GET .../discussions`."""
    view = await visit.space(Action.READ)
    discussions.check_wanted(view.space)
    wish = _wish(visit)
    listed = await visit.read(lambda tx: _listed(tx, view.space.key, wish))
    return visit.page(
        "discussions.html",
        header=await header_of(visit, view),
        tab="community",
        wish=wish,
        listed=listed,
        more=listed.more(wish),
    )


async def form(visit: Visit) -> web.StreamResponse:
    """`GET .../discussions/new`, with `?pull=1` for a pull request."""
    view = await visit.space(Action.READ, Action.CONTRIBUTE)
    return await _form(visit, view, {}, pull=visit.query.get("pull") == "1")


async def begin(visit: Visit) -> web.StreamResponse:
    """`POST .../discussions`; what is wrong is told above the form, which keeps what was typed."""
    view = await visit.space(Action.READ, Action.CONTRIBUTE)
    fields = await visit.form()
    space, actor, pull = view.space, visit.actor, fields.get("pull") == "1"
    title, text = fields.get("title", ""), fields.get("text", "")
    try:
        if pull:
            by = By(actor, visit.request.remote or "")
            made = await visit.request.app[PULLS].open(by, space, title, text)
        else:
            made = await visit.write(lambda tx: discussions.begin(tx, actor, space, title, text))
    except Denied:
        raise
    except SpaceportError as error:
        problem = f"{error} {error.hint}".strip()
        return await _form(visit, view, fields, pull=pull, problem=problem)
    return visit.go(f"/spaces/{space.id}/discussions/{made.number}")


async def _form(
    visit: Visit, view: Overview, fields: dict[str, str], *, pull: bool, problem: str = ""
) -> web.StreamResponse:
    discussions.check_wanted(view.space)
    return visit.page(
        "new_discussion.html",
        status=400 if problem else 200,
        header=await header_of(visit, view),
        tab="community",
        pull=pull,
        fields={"title": "", "text": "", **fields},
        writer=visit.may(Action.WRITE, SpaceResource.of(view.space)),
        problem=problem,
        most_title=ledger.MAX_TITLE,
        most_text=entries.MAX_TEXT,
    )


def _wish(visit: Visit) -> Wish:
    """Words that are none of ours are passed over."""
    kind, status = visit.query.get("type", ""), visit.query.get("status", "open")
    page = visit.query.get("page", "0")
    return Wish(
        kind=kind if kind in TYPES else "",
        status=status if status in STATUSES else "open",
        author=visit.query.get("author", "").strip()[:MAX_AUTHOR],
        page=int(page) if page.isascii() and page.isdigit() and len(page) < 6 else 0,
    )


def _listed(tx: Tx, key: SpaceKey, wish: Wish) -> Listed:
    found = ledger.listed(tx, key, wish.filter(wish.status), skip=wish.page * PAGE, limit=PAGE)
    comments = entries.comments(tx, key, [each.number for each in found])
    counts = {each: ledger.count(tx, key, wish.filter(each)) for each in ("open", "closed")}
    return Listed(found, comments, counts)
