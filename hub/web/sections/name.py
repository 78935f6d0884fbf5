"""What a Space is called, and was called before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hub.web.visit import Visit
from spaceport.authorize import Action, Namespace, SpaceResource
from spaceport.ledger import Tx, accounts, former_ids
from spaceport.ledger.overview import Overview


async def section(visit: Visit, view: Overview) -> Mapping[str, Any]:
    """`may_move`, `owners` (names that the visitor may move it to) and `former_names`."""
    space = view.space

    def read(tx: Tx) -> Mapping[str, Any]:
        owners = [accounts.get(tx, space.owner_id)]
        if visit.may(Action.TRANSFER, Namespace(space.owner_id)):
            me = [visit.actor.account] if visit.actor.account else []
            known = [*me, *(accounts.get(tx, org_id) for org_id in visit.actor.roles)]
            owners += [
                one
                for one in known
                if one.id != space.owner_id and visit.may(Action.CREATE, Namespace(one.id))
            ]
        return {
            "may_move": visit.may(Action.ADMINISTER, SpaceResource.of(space)),
            "owners": [one.name for one in owners],
            "former_names": former_ids.of_space(tx, space.key),
        }

    return await visit.read(read)
