"""The form for the network policy on a Space's settings page."""

from __future__ import annotations

from aiohttp import web

from hub.web.pages.settings_frame import change_and_return
from hub.web.visit import Visit
from spaceport.egress import Egress, Preset
from spaceport.ledger import Tx, egress
from spaceport.ledger.spaces import Space


async def set_network(visit: Visit) -> web.StreamResponse:
    """`POST .../settings/network`; the list counts for the allow-list alone."""
    fields = await visit.form()
    preset = fields.get("preset", "")
    typed = fields.get("destinations", "") if preset == Preset.ALLOW_LIST else ""

    def change(tx: Tx, space: Space) -> None:
        wanted = Egress.parse(preset, typed.replace(",", " ").split())
        egress.set_(tx, space.key, wanted, actor_id=visit.actor.id)

    return await change_and_return(visit, change, "network")
