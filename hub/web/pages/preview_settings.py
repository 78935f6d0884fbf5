"""Previews on the settings page: on and off, asking for one, removing one."""

from __future__ import annotations

from aiohttp import web

from hub.previews import begin, find
from hub.web.pages.settings_frame import change_and_return
from hub.web.visit import Visit
from spaceport.ledger import Tx, previews
from spaceport.ledger.spaces import Space


async def switch(visit: Visit) -> web.StreamResponse:
    """`POST .../settings/previews`: whether branches get previews."""
    wanted, actor_id = (await visit.form()).get("wanted") == "1", visit.actor.id

    def change(tx: Tx, space: Space) -> None:
        previews.set_wanted(tx, space.key, wanted, actor_id=actor_id)

    return await change_and_return(visit, change, "previews")


async def create(visit: Visit) -> web.StreamResponse:
    """`POST .../settings/previews/create`: of a branch that has none."""
    ref = (await visit.form()).get("ref", "").strip()
    context, actor_id = visit.context, visit.actor.id
    return await change_and_return(
        visit, lambda tx, space: begin(tx, context, space.key, ref, actor_id), "previews"
    )


async def remove(visit: Visit) -> web.StreamResponse:
    """`POST .../settings/previews/delete`."""
    ref, actor_id = (await visit.form()).get("ref", ""), visit.actor.id

    def change(tx: Tx, space: Space) -> None:
        previews.end(tx, find(tx, space.key, ref), actor_id=actor_id)

    return await change_and_return(visit, change, "previews")
