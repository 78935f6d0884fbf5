"""Community grants: the owner's request, and what administrators decide (spaces-behaviour 4.7)."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from aiohttp import web

from config.catalogue import FREE_FLAVOR
from hub.api.body import Body
from hub.api.call import Call, answer
from hub.api.wire import stamp
from spaceport.authorize import Action, Site, authorize
from spaceport.ledger import Tx, grants, spaces
from spaceport.ledger.grants import Grant, GrantState


class Request(Body):
    flavor: str
    reason: str


class Verdict(Body):
    """`until`: RFC 3339; of an approval."""

    verdict: Literal["approve", "decline", "end"]
    flavor: str | None = None
    until: datetime | None = None
    answer: str = ""


async def of_space(call: Call) -> web.StreamResponse:
    """`GET .../grants`, the latest first."""
    key, name = call.space.key, str(call.space.id)
    found = await call.read(lambda tx: grants.of_space(tx, key))
    return answer([_json(one, name) for one in found])


async def ask(call: Call) -> web.StreamResponse:
    """`POST .../grants`."""
    body = await call.body(Request)
    flavor = call.context.catalogue.flavor(body.flavor).slug
    key, actor_id = call.space.key, call.actor.id
    made = await call.write(lambda tx: grants.ask(tx, key, flavor, body.reason, actor_id=actor_id))
    return answer(_json(made, str(call.space.id)))


async def listed(call: Call) -> web.StreamResponse:
    """`GET /api/admin/grants`: what waits for a decision, and what is granted."""
    _must_administer(call)

    def read(tx: Tx) -> list[dict[str, Any]]:
        found = grants.listed(tx, GrantState.ASKED, GrantState.GRANTED)
        return [_json(one, str(spaces.get(tx, one.space_key).id)) for one in found]

    return answer(await call.read(read))


async def decide(call: Call) -> web.StreamResponse:
    """`POST /api/admin/grants/{id}`."""
    _must_administer(call)
    body, grant_id, actor_id = await call.body(Verdict), call.part("id"), call.actor.id
    catalogue = call.context.catalogue

    def write(tx: Tx) -> dict[str, Any]:
        grant = grants.get(tx, grant_id)
        if body.verdict == "approve":
            flavor = catalogue.flavor(body.flavor or grant.flavor).slug
            grants.approve(tx, grant, flavor, body.until, body.answer, actor_id=actor_id)
        elif body.verdict == "decline":
            grants.decline(tx, grant, body.answer, actor_id=actor_id)
        else:
            grants.end(tx, grant, FREE_FLAVOR, actor_id=actor_id)
        return _json(grants.get(tx, grant_id), str(spaces.get(tx, grant.space_key).id))

    return answer(await call.write(write))


def _must_administer(call: Call) -> None:
    authorize(call.actor, Action.ADMINISTER_SITE, Site()).require()


def _json(grant: Grant, space: str) -> dict[str, Any]:
    return {
        "id": grant.id,
        "space": space,
        "flavor": grant.flavor,
        "reason": grant.reason,
        "state": grant.state.value,
        "answer": grant.answer,
        "askedAt": stamp(grant.asked_at),
        "until": None if grant.until is None else stamp(grant.until),
    }
