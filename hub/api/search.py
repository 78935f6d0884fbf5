"""`GET /api/spaces/semantic-search`: a plain search for words is what there is (hub-api 4.3)."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from hub.api.call import Call, answer
from hub.api.errors import ApiError
from hub.api.listing import Query, page_of
from hub.api.pages import limit_of
from hub.api.wire import runtime_json, space_json, tags_of
from spaceport.authorize import readable
from spaceport.ledger import Tx
from spaceport.ledger.overview import Overview, overview
from spaceport.ledger.spaces import Order, Space
from spaceport.names import SpaceKey
from spaceport.stage import Stage

MOST_TEXT = 200
MOST_WORDS = 10
MOST_LOOKED_INTO = 1000  # Spaces that fit, of which it takes a look whether they run


async def search(call: Call) -> web.StreamResponse:
    """Spaces with all the words in id, title, description or tags; the latest change first.

    Those that nobody could open now are left out unless they are asked for.
    """
    asked = call.request.query
    words = asked.get("q", "")[:MOST_TEXT].lower().split()[:MOST_WORDS]
    if not words:
        raise ApiError(400, '"q" must say what to search for')
    tags, sdks = set(asked.getall("filter", [])), set(asked.getall("sdk", []))

    def fits(space: Space) -> bool:
        text = _text_of(space)
        return (
            all(word in text for word in words)
            and tags <= set(tags_of(space))
            and (not sdks or space.sdk.value in sdks)
        )

    limit, idle_too = limit_of(call), call.flag("includeNonRunning")
    may_read = readable(call.actor)

    def find(tx: Tx) -> list[Overview]:
        seen: dict[SpaceKey, Overview] = {}

        def matches(space: Space) -> bool:
            if len(seen) >= MOST_LOOKED_INTO or not fits(space):
                return False
            view = seen[space.key] = overview(tx, space.key)
            return idle_too or _opens(view.standing.stage)

        query = Query(None, None, may_read, Order.UPDATED, matches)
        return [seen[space.key] for space in page_of(tx, query, limit, None)[0]]

    return answer([_shown(call, view) for view in await call.read(find)])


def _opens(stage: Stage) -> bool:
    """Whether a visitor finds the app, or wakes it."""
    return stage.serving or stage is Stage.SLEEPING


def _text_of(space: Space) -> str:
    card = space.card or {}
    said = (str(space.id), card.get("title"), card.get("short_description"), *tags_of(space))
    return "\n".join(str(each) for each in said if each).lower()


def _shown(call: Call, view: Overview) -> dict[str, Any]:
    card = view.space.card or {}
    return {
        **space_json(call.context, view.space),
        "emoji": card.get("emoji"),
        "shortDescription": card.get("short_description"),
        "runtime": runtime_json(call.context, view),
    }
