"""The forms for hardware, sleep time and community grants on a Space's settings page."""

from __future__ import annotations

from aiohttp import web

from hub.hardware import check_flavor, check_sleep
from hub.web.pages.settings_frame import change_and_return
from hub.web.visit import Visit
from spaceport.errors import Invalid
from spaceport.ledger import Tx, grants, spaces
from spaceport.ledger.spaces import Space


async def set_hardware(visit: Visit) -> web.StreamResponse:
    """`POST .../settings/hardware`: the app restarts on it; the present one serves until then."""
    slug = (await visit.form()).get("flavor", "")

    def change(tx: Tx, space: Space) -> None:
        flavor = check_flavor(visit.context, visit.actor, slug, space.sdk)
        if flavor != space.flavor:
            spaces.set_flavor(tx, space.key, flavor, actor_id=visit.actor.id)

    return await change_and_return(visit, change, "hardware")


async def set_sleep(visit: Visit) -> web.StreamResponse:
    """`POST .../settings/sleep`."""
    asked = (await visit.form()).get("seconds", "")

    def change(tx: Tx, space: Space) -> None:
        if not asked.removeprefix("-").isdigit() or len(asked) > 10:
            raise Invalid("Choose a time of the list.")
        spaces.set_sleep(tx, space.key, check_sleep(int(asked)), actor_id=visit.actor.id)

    return await change_and_return(visit, change, "hardware")


async def ask_grant(visit: Visit) -> web.StreamResponse:
    """`POST .../settings/grant`: the owner's words, for an administrator to read."""
    fields = await visit.form()

    def change(tx: Tx, space: Space) -> None:
        flavor = visit.context.catalogue.flavor(fields.get("flavor", ""))
        reason = fields.get("reason", "")
        grants.ask(tx, space.key, flavor.slug, reason, actor_id=visit.actor.id)

    return await change_and_return(visit, change, "hardware")
