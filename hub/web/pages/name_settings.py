"""Renaming a Space on its settings page, and giving former names up."""

from __future__ import annotations

from aiohttp import web

from hub.move_space import move_space
from hub.web.pages.settings_frame import change_and_return, show
from hub.web.visit import Visit
from spaceport.authorize import Action
from spaceport.errors import NotFound, SpaceportError
from spaceport.ledger import Tx, former_ids
from spaceport.ledger.spaces import Space
from spaceport.names import SpaceId


async def move(visit: Visit) -> web.StreamResponse:
    """`POST .../settings/name`."""
    view = await visit.space(Action.USE_APP, Action.ADMINISTER)
    fields, source = await visit.form(), view.space.id
    target = SpaceId(fields.get("owner", source.author), fields.get("name", "").strip())
    keep = fields.get("keep_secrets") == "1"
    try:
        moved = await visit.on(
            "git", move_space, visit.context, visit.actor, source, target, keep_secrets=keep
        )
    except SpaceportError as error:
        return await show(visit, view, problem=f"{error} {error.hint}".strip(), at="name")
    return visit.go(f"/spaces/{moved.space.id}/settings#name")


async def free(visit: Visit) -> web.StreamResponse:
    """`POST .../settings/name/free`: others may take that former name."""
    former = (await visit.form()).get("id", "")

    def change(tx: Tx, space: Space) -> None:
        if not former_ids.free(tx, space.key, SpaceId.parse(former), actor_id=visit.actor.id):
            raise NotFound("It does not have that former name any more.")

    return await change_and_return(visit, change, "name", action=Action.ADMINISTER)
