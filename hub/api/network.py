"""What a Space may reach outside, and what it was kept from (spaces-behaviour 7)."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from pydantic import Field

from hub.api.body import Body
from hub.api.call import Call, answer
from hub.refused import refused_by
from spaceport.egress import MOST, Egress
from spaceport.errors import Invalid
from spaceport.ledger import egress
from spaceport.sdk import Sdk


class Network(Body):
    preset: str
    destinations: list[str] = Field(default=[], max_length=MOST)


async def show(call: Call) -> web.StreamResponse:
    """`GET .../network`: `{preset, destinations, refused: [{address, port, protocol, count,
    secondsAgo}]}`; what was refused to the present container within the last hour."""
    key = call.space.key
    found = await call.read(lambda tx: egress.of(tx, key))
    return answer({**found.to_json(), "refused": await _refused(call)})


async def change(call: Call) -> web.StreamResponse:
    """`PUT .../network`: the app restarts under it."""
    body = await call.body(Network)
    if call.space.sdk is Sdk.STATIC:
        raise Invalid("A static Space reaches nothing: browsers do, from where they are.")
    wanted = Egress.parse(body.preset, body.destinations)
    key, actor_id = call.space.key, call.actor.id
    await call.write(lambda tx: egress.set_(tx, key, wanted, actor_id=actor_id))
    return answer(wanted.to_json())


async def _refused(call: Call) -> list[dict[str, Any]]:
    found = await refused_by(call.context, call.request.app, call.space.key)
    return [
        {
            "address": one.address,
            "port": one.port,
            "protocol": one.protocol,
            "count": one.count,
            "secondsAgo": round(one.ago),
        }
        for one in found
    ]
