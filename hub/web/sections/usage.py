"""What a Space cost in this month."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hub.web.visit import Visit
from spaceport.authorize import Action, Namespace
from spaceport.ledger import Tx, usage
from spaceport.ledger.columns import now
from spaceport.ledger.overview import Overview
from spaceport.statement import Month, statement


async def section(visit: Visit, view: Overview) -> Mapping[str, Any]:
    """`used`: the statement of this Space; `bill_path`: the owner's, for those who may see it."""
    space, at = view.space, now()
    month = Month.of(at)

    def read(tx: Tx) -> Mapping[str, Any]:
        stretches = usage.of_space(tx, space.key, month.start, month.end)
        own = visit.actor.account is not None and visit.actor.account.id == space.owner_id
        path = "/settings/billing" if own else f"/organizations/{space.id.author}/billing"
        may = visit.may(Action.SEE_BILL, Namespace(space.owner_id))
        return {"used": statement(stretches, month, at), "bill_path": path if may else ""}

    return await visit.read(read)
