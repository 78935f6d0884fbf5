"""Puts Spaces that cost money to sleep once their owner's budget is spent, and lets them go again.

Level triggered: it compares what was spent in this month with the limit, for every owner, and sets
`budget_spent` of their Spaces accordingly; a raised limit, free hardware or a new month take it
back at the next look.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from spaceport.ledger import budgets, spaces, usage
from spaceport.ledger.budgets import Level, judge
from spaceport.ledger.database import Tx
from spaceport.ledger.spaces import Space
from spaceport.statement import Month

PriceOf = Callable[[Tx, Space], int]
"""Micro-dollars an hour that the Space would cost now."""


def enforce(tx: Tx, price_of: PriceOf, default: int | None, at: datetime) -> None:
    """`default`: micro-dollars a month for owners without a limit of their own; None: no limit."""
    month = Month.of(at)
    owners = set(budgets.limited(tx))
    if default is not None:
        owners |= set(usage.owners(tx, month.start, month.end))
    spent = {owner for owner in owners if _spent(tx, owner, default, month, at)}
    for space in [*spaces.of_owners(tx, spent), *spaces.held_by_budget(tx)]:
        held = space.owner_id in spent and price_of(tx, space) > 0
        wanted = str(month) if held else None
        if space.budget_spent != wanted:
            spaces.set_budget_spent(tx, space.key, wanted)


def _spent(tx: Tx, owner: str, default: int | None, month: Month, at: datetime) -> bool:
    limit = budgets.limit_of(tx, owner, default)
    return judge(budgets.month_of(tx, owner, month, at).total, limit) is Level.SPENT
