"""The names that a Space had before: which lead to it, and giving one up."""

from __future__ import annotations

from aiohttp import web

from hub.api.body import Body
from hub.api.call import Call, answer
from hub.api.wire import stamp
from spaceport.errors import NotFound
from spaceport.ledger import former_ids
from spaceport.ledger.former_ids import FormerId
from spaceport.names import SpaceId


class Free(Body):
    """`id`: the former `author/name`."""

    id: str


async def listed(call: Call) -> web.StreamResponse:
    """`GET .../former-names`: `[{id, leftAt, heldUntil}]`, the latest first."""
    found = await call.read(lambda tx: former_ids.of_space(tx, call.space.key))
    return answer([_json(one) for one in found])


async def free(call: Call) -> web.StreamResponse:
    """`DELETE .../former-names`: that id leads here no more, and others may take it."""
    body = await call.body(Free)
    asked = SpaceId.parse(body.id)
    key, actor_id = call.space.key, call.actor.id
    if not await call.write(lambda tx: former_ids.free(tx, key, asked, actor_id=actor_id)):
        raise NotFound(f"{asked} is not a former name of this Space.")
    return answer({})


def _json(one: FormerId) -> dict[str, str]:
    return {"id": str(one), "leftAt": stamp(one.left_at), "heldUntil": stamp(one.held_until)}
