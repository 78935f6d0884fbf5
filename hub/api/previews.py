"""Previews of a Space's branches and pull requests. The original has no such calls.

`{preview}` in a path is the branch, or a full ref, with its slashes percent-encoded. What a Space
can be asked at `.../{call}`, its previews can be asked at `.../previews/{preview}/{call}`.
"""

from __future__ import annotations

from typing import Any

from aiohttp import web
from pydantic import Field

from hub.api.body import OwnBody
from hub.api.call import Call, answer
from hub.api.wire import runtime_json, stamp
from hub.context import HubContext
from hub.previews import Line, begin, line_of, listed
from spaceport.ledger import Tx, previews


class Begin(OwnBody):
    ref: str = Field(min_length=1, max_length=1000)


async def listing(call: Call) -> web.StreamResponse:
    """All of a Space, by ref."""
    lines = await call.read(lambda tx: listed(tx, call.context, call.space.key))
    return answer([preview_json(call.context, line) for line in lines])


async def one(call: Call) -> web.StreamResponse:
    line = await call.read(lambda tx: line_of(tx, call.context, call.space))
    return answer(preview_json(call.context, line))


async def create(call: Call) -> web.StreamResponse:
    """One that went, or found no room when its branch was pushed. It is no error if it is there."""
    ref, key, actor_id = (await call.body(Begin)).ref, call.space.key, call.actor.id

    def write(tx: Tx) -> Line:
        made = begin(tx, call.context, key, ref, actor_id)
        return line_of(tx, call.context, made)

    return answer(preview_json(call.context, await call.write(write)))


async def remove(call: Call) -> web.StreamResponse:
    """It is gone until its branch is pushed again, or it is asked for."""
    await call.write(lambda tx: previews.end(tx, call.space, actor_id=call.actor.id))
    return answer({})


def preview_json(context: HubContext, line: Line) -> dict[str, Any]:
    space = line.space
    return {
        "_id": space.key,
        "ref": line.ref,
        "name": line.name,
        "sha": space.head,
        "private": space.visibility.value != "public",
        "sdk": space.sdk.value,
        "subdomain": space.host_label,
        "host": context.app_url(space),
        "runtime": runtime_json(context, line.view),
        "createdAt": stamp(space.created_at),
        "lastUsed": None if space.used_at is None else stamp(space.used_at),
        "endsAt": None if line.ends_at is None else stamp(line.ends_at),
    }
