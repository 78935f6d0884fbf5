"""`GET /api/spaces`: those that the caller may read, newest first (hub-api 4.2)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from aiohttp import web

from hub.api.call import Call, answer
from hub.api.errors import ApiError
from hub.api.expand import check_expand
from hub.api.pages import cursor_text, limit_of, next_link, read_cursor
from hub.api.spaces import full_json
from hub.api.wire import linked, space_json, tags_of
from spaceport.authorize import readable
from spaceport.ledger import Tx, spaces
from spaceport.ledger.spaces import Mark, Order, Readable, Space

SORTS = {
    # Nothing is liked here, so these two fall back to the latest change.
    "likes": Order.UPDATED,
    "trendingScore": Order.UPDATED,
    "lastModified": Order.UPDATED,
    "createdAt": Order.CREATED,
}
CHUNK = 200
MOST_CHUNKS = 50  # a filter that matches nothing looks at no more than this many chunks


@dataclass(frozen=True)
class Query:
    """What of the query the ledger answers, and what is looked at afterwards."""

    author: str | None
    text: str | None
    readable: Readable
    order: Order
    matches: Callable[[Space], bool]


async def listing(call: Call) -> web.StreamResponse:
    asked = call.request.query
    expand = check_expand(asked.getall("expand", []))
    limit = limit_of(call)
    cursor = asked.get("cursor")
    start = read_cursor(cursor) if cursor else None
    query = _query(call)
    found, mark = await call.read(lambda tx: page_of(tx, query, limit, start))
    whole = call.flag("full") or expand
    shown = []
    for space in found:
        if whole:
            shown.append(await full_json(call, space, space.head, only=expand))
        else:
            links = linked(space) if _wants_links(call) else {}
            shown.append({**space_json(call.context, space), **links})
    more = {"Link": next_link(call, cursor=cursor_text(mark))} if mark else None
    return answer(shown, headers=more)


def _wants_links(call: Call) -> bool:
    return call.flag("linked") or any(kind in call.request.query for kind in ("models", "datasets"))


def _query(call: Call) -> Query:
    asked = call.request.query
    sort = asked.get("sort", "lastModified")
    if sort not in SORTS:
        raise ApiError(400, f'"sort" must be one of [{", ".join(SORTS)}]')
    tags = set(asked.getall("filter", []))
    models, datasets = set(asked.getall("models", [])), set(asked.getall("datasets", []))

    def matches(space: Space) -> bool:
        links = linked(space)
        return (
            tags <= set(tags_of(space))
            and models <= set(links["models"])
            and datasets <= set(links["datasets"])
        )

    return Query(
        author=asked.get("author"),
        text=asked.get("search"),
        readable=readable(call.actor),
        order=SORTS[sort],
        matches=matches,
    )


def page_of(
    tx: Tx, query: Query, limit: int, start: Mark | None
) -> tuple[list[Space], Mark | None]:
    """At most `limit` Spaces, and where the next page starts if there may be more."""
    found: list[Space] = []
    last: Mark | None = start
    for space in _candidates(tx, query, start):
        if len(found) == limit:
            return found, last
        last = _mark(space, query.order)
        if query.matches(space):
            found.append(space)
    return found, None


def _candidates(tx: Tx, query: Query, start: Mark | None) -> Iterator[Space]:
    for _ in range(MOST_CHUNKS):
        chunk = spaces.search(
            tx,
            author=query.author,
            text=query.text,
            limit=CHUNK,
            readable=query.readable,
            order=query.order,
            after=start,
        )
        yield from chunk
        if len(chunk) < CHUNK:
            return
        start = _mark(chunk[-1], query.order)


def _mark(space: Space, order: Order) -> Mark:
    return (space.updated_at if order is Order.UPDATED else space.created_at), space.key
