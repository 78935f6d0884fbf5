"""Forms of a Space's storage and volumes."""

from __future__ import annotations

from aiohttp import web

from hub.storage import Asked, add_volume, choose_tier, remove_volume
from hub.web.pages.settings_frame import change_and_return, show
from hub.web.visit import Visit
from spaceport.authorize import Action
from spaceport.ledger import volumes

AT = "storage"


async def choose(visit: Visit) -> web.StreamResponse:
    """`POST .../settings/storage`."""
    tier = (await visit.form()).get("tier", "")
    return await change_and_return(
        visit,
        lambda tx, space: choose_tier(tx, visit.context, space, tier, actor_id=visit.actor.id),
        AT,
    )


async def delete(visit: Visit) -> web.StreamResponse:
    """`POST .../settings/storage/delete`: only with the name typed."""
    view = await visit.space(Action.USE_APP, Action.MANAGE)
    typed = (await visit.form()).get("confirm", "").strip()
    if typed.lower() != str(view.space.id).lower():
        problem = f"Type {view.space.id} to delete its storage with everything in it."
        return await show(visit, view, problem=problem, at=AT)
    return await change_and_return(
        visit, lambda tx, space: volumes.remove(tx, space.key, actor_id=visit.actor.id), AT
    )


async def add(visit: Visit) -> web.StreamResponse:
    """`POST .../settings/volumes`."""
    fields = await visit.form()
    asked = Asked(
        type=fields.get("type", ""),
        source=fields.get("source", "").strip(),
        mount_path=fields.get("place", "").strip(),
        revision=fields.get("revision", "").strip() or None,
    )
    return await change_and_return(
        visit, lambda tx, space: add_volume(tx, visit.context, visit.actor, space, asked), "volumes"
    )


async def remove(visit: Visit) -> web.StreamResponse:
    """`POST .../settings/volumes/delete`."""
    path = (await visit.form()).get("place", "")
    return await change_and_return(
        visit,
        lambda tx, space: remove_volume(tx, space, path, actor_id=visit.actor.id),
        "volumes",
    )
