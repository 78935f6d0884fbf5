"""Lists of Spaces: all that the visitor may see, and those of one account."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from hub.web.cards import Listed, card_of, listed
from hub.web.visit import Visit
from spaceport.authorize import Action, SpaceResource
from spaceport.errors import NotFound
from spaceport.ledger import Tx, accounts, spaces
from spaceport.ledger.accounts import Account
from spaceport.ledger.overview import overview
from spaceport.ledger.spaces import Space
from spaceport.sdk import Sdk

PAGE = 24
MAX_QUERY = 100


@dataclass(frozen=True)
class Wish:
    """What to list: a text in id, title or description; an SDK; whose; which page (from 0)."""

    text: str = ""
    sdk: Sdk | None = None
    author: str | None = None
    page: int = 0


async def all_spaces(visit: Visit) -> web.StreamResponse:
    """`GET /` and `GET /spaces`."""
    wish = _wish(visit)
    found, more = await visit.read(lambda tx: _listed(visit, tx, wish))
    return visit.page("spaces.html", found=found, more=more, wish=wish, owner=None, sdks=list(Sdk))


async def profile(visit: Visit) -> web.StreamResponse:
    """`GET /{author}`: pinned Spaces first (16.8)."""

    def find(tx: Tx) -> tuple[Account | None, list[Listed], bool]:
        owner = accounts.by_name(tx, visit.word("author"))
        if owner is None:
            return None, [], False
        return owner, *_listed(visit, tx, _wish(visit, owner.name))

    owner, found, more = await visit.read(find)
    if owner is None:
        raise NotFound("There is nobody of that name.")
    return visit.page(
        "spaces.html",
        found=found,
        more=more,
        wish=_wish(visit, owner.name),
        owner=owner,
        sdks=list(Sdk),
    )


def _wish(visit: Visit, author: str | None = None) -> Wish:
    sdk = visit.query.get("sdk", "")
    page = visit.query.get("page", "0")
    return Wish(
        text=visit.query.get("search", "").strip()[:MAX_QUERY],
        sdk=Sdk(sdk) if sdk in set(Sdk) else None,
        author=author,
        page=int(page) if page.isascii() and page.isdigit() and len(page) < 6 else 0,
    )


def _listed(visit: Visit, tx: Tx, wish: Wish) -> tuple[list[Listed], bool]:
    seen = [
        space
        for space in spaces.search(tx, author=wish.author)
        if _fits(space, wish) and visit.may(Action.READ, SpaceResource.of(space))
    ]
    if wish.author is not None:
        seen.sort(key=lambda space: not card_of(space).pinned)
    first = wish.page * PAGE
    shown = [listed(overview(tx, space.key)) for space in seen[first : first + PAGE]]
    return shown, len(seen) > first + PAGE


def _fits(space: Space, wish: Wish) -> bool:
    if wish.sdk is not None and space.sdk is not wish.sdk:
        return False
    if not wish.text:
        return True
    card = space.card or {}
    words = (str(space.id), card.get("title"), card.get("short_description"))
    return any(wish.text.lower() in str(word).lower() for word in words if word)
