"""The community tab on the settings page: on and off."""

from __future__ import annotations

from aiohttp import web

from hub.web.pages.settings_frame import change_and_return
from hub.web.visit import Visit
from spaceport.authorize import Action
from spaceport.ledger import Tx, discussions
from spaceport.ledger.spaces import Space


async def switch(visit: Visit) -> web.StreamResponse:
    """`POST .../settings/community`: whether there are discussions and pull requests."""
    wanted, actor_id = (await visit.form()).get("wanted") == "1", visit.actor.id

    def change(tx: Tx, space: Space) -> None:
        discussions.set_wanted(tx, space.key, wanted, actor_id=actor_id)

    return await change_and_return(visit, change, "community", action=Action.ADMINISTER)
