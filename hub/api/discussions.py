"""Discussions and pull requests as clients list, open and answer them (hub-api 12)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from aiohttp import web

from hub import discussions
from hub.api import pulls
from hub.api.body import Body
from hub.api.call import Call, answer
from hub.api.discussion_json import discussion_json, event_json
from hub.api.errors import ApiError
from hub.api.pages import offset_of
from hub.web.comments import renderer
from spaceport.ledger import Tx
from spaceport.ledger import discussion_entries as entries
from spaceport.ledger import discussions as ledger
from spaceport.ledger.discussion_entries import Entry
from spaceport.ledger.discussion_rows import Discussion, Status
from spaceport.ledger.discussions import Filter

PAGE = 50
TYPES = {"all": None, "discussion": False, "pull_request": True}
STATUSES = {"all": None, "open": discussions.OPEN, "closed": discussions.CLOSED}


class New(Body):
    title: str
    description: str = ""
    pullRequest: bool = False


class Comment(Body):
    comment: str


class Edit(Body):
    content: str


class Title(Body):
    title: str


class ChangeStatus(Body):
    status: Literal["open", "closed"]
    comment: str = ""


class Pin(Body):
    pinned: bool


class Lock(Body):
    locked: bool


async def listed(call: Call) -> web.StreamResponse:
    """A page of them, pinned ones first; `p` is its number, from 0."""
    discussions.check_wanted(call.space)
    which, start, key = _filter(call), offset_of(call) * PAGE, call.space.key

    def read(tx: Tx) -> tuple[list[Discussion], dict[int, int], int, int]:
        found = ledger.listed(tx, key, which, skip=start, limit=PAGE)
        comments = entries.comments(tx, key, [each.number for each in found])
        closed = ledger.count(tx, key, Filter(statuses=discussions.CLOSED))
        return found, comments, ledger.count(tx, key, which), closed

    found, comments, count, closed = await call.read(read)
    lines = [
        discussion_json(call.origin, call.space, each, comments.get(each.number, 0))
        for each in found
    ]
    return answer(
        {"discussions": lines, "count": count, "start": start, "numClosedDiscussions": closed}
    )


async def begin(call: Call) -> web.StreamResponse:
    """The new one; clients ask for its details next."""
    body = await call.body(New)
    actor, space = call.actor, call.space
    if body.pullRequest:
        made = await pulls.begin(call, body.title, body.description)
    else:
        made = await call.write(
            lambda tx: discussions.begin(tx, actor, space, body.title, body.description)
        )
    url = f"{call.origin}/spaces/{space.id}/discussions/{made.number}"
    return answer({**discussion_json(call.origin, space, made), "url": url})


async def details(call: Call) -> web.StreamResponse:
    """One with all of its events, oldest first."""
    number = _number(call)

    def read(tx: Tx) -> tuple[Discussion, list[Entry]]:
        found = discussions.get(tx, call.space, number)
        return found, entries.of(tx, call.space.key, number)

    found, events = await call.read(read)
    comments = sum(entry.kind is entries.EntryKind.COMMENT for entry in events)
    shown = discussion_json(call.origin, call.space, found, comments)
    if found.pull_request:
        shown |= await pulls.pull_json(call, found)
    return answer(shown | {"events": await _events(call, events)})


async def comment(call: Call) -> web.StreamResponse:
    text = (await call.body(Comment)).comment
    actor, space, number = call.actor, call.space, _number(call)
    return await _changed(
        call, "newMessage", lambda tx: discussions.comment(tx, actor, space, number, text)
    )


async def edit(call: Call) -> web.StreamResponse:
    """What it said before stays in its history."""
    text = (await call.body(Edit)).content
    actor, space, number, id = call.actor, call.space, _number(call), call.part("comment")
    return await _changed(
        call, "updatedComment", lambda tx: discussions.edit(tx, actor, space, number, id, text)
    )


async def hide(call: Call) -> web.StreamResponse:
    """Final: what it said is nowhere any more."""
    actor, space, number, id = call.actor, call.space, _number(call), call.part("comment")
    return await _changed(
        call, "updatedComment", lambda tx: discussions.hide(tx, actor, space, number, id)
    )


async def rename(call: Call) -> web.StreamResponse:
    title = (await call.body(Title)).title
    actor, space, number = call.actor, call.space, _number(call)
    return await _changed(
        call, "newTitle", lambda tx: discussions.rename(tx, actor, space, number, title)
    )


async def set_status(call: Call) -> web.StreamResponse:
    """Close it or open it again; a draft that is opened is ready to be merged."""
    body = await call.body(ChangeStatus)
    status, actor, space, number = Status(body.status), call.actor, call.space, _number(call)
    found = await call.read(lambda tx: discussions.get(tx, space, number))
    if found.pull_request:
        made = await pulls.set_status(call, found, status, body.comment)
    else:
        made = await call.write(
            lambda tx: discussions.set_status(tx, actor, space, number, status, body.comment)
        )
    return answer({"newStatus": (await _events(call, [made]))[0]})


async def pin(call: Call) -> web.StreamResponse:
    """Pinned ones come first in the list."""
    pinned = (await call.body(Pin)).pinned
    actor, space, number = call.actor, call.space, _number(call)
    found = await call.write(lambda tx: discussions.pin(tx, actor, space, number, pinned))
    return answer({"pinned": found.pinned})


async def lock(call: Call) -> web.StreamResponse:
    """In a locked one only those can comment who may write to the Space."""
    locked = (await call.body(Lock)).locked
    actor, space, number = call.actor, call.space, _number(call)
    found = await call.write(lambda tx: discussions.lock(tx, actor, space, number, locked))
    return answer({"locked": found.locked})


def _filter(call: Call) -> Filter:
    """Raises 400 for words that are none of the wire's."""
    query = call.request.query
    kind, status = query.get("type", "all"), query.get("status", "all")
    if kind not in TYPES or status not in STATUSES:
        raise ApiError(
            400, f"type must be one of {', '.join(TYPES)}, status one of {', '.join(STATUSES)}"
        )
    return Filter(TYPES[kind], STATUSES[status], query.get("author", ""))


def _number(call: Call) -> int:
    return discussions.number_of(call.part("number"))


async def _changed(call: Call, key: str, change: Callable[[Tx], Entry]) -> web.StreamResponse:
    """Do it; the event that it made or changed."""
    entry = await call.write(change)
    return answer({key: (await _events(call, [entry]))[0]})


async def _events(call: Call, found: list[Entry]) -> list[dict[str, Any]]:
    """Rendering takes time, so not on the event loop."""

    def shown() -> list[dict[str, Any]]:
        render = renderer(f"/spaces/{call.space.id}")
        return [event_json(call.origin, entry, render) for entry in found]

    return await call.context.pools.run("files", shown)
