"""What an owner wants to spend in a month at most, and what was spent (spaces-behaviour 4.6.8)."""

from __future__ import annotations

from datetime import datetime
from enum import Enum

from sqlalchemy import delete, insert, select, update

from spaceport.errors import Invalid
from spaceport.ledger import events, usage
from spaceport.ledger.columns import now
from spaceport.ledger.database import Tx
from spaceport.ledger.events import EventKind
from spaceport.ledger.tables import budgets
from spaceport.ledger.usage import MICRO
from spaceport.statement import Month, Statement, statement

WARN_AT = 0.8
MOST = 10**9  # dollars


class Level(Enum):
    """How an owner stands to their budget."""

    FINE = "fine"
    NEAR = "near"  # four fifths are spent
    SPENT = "spent"


def judge(spent: int, limit: int | None) -> Level:
    """Both in micro-dollars; without a limit everything is fine."""
    if limit is None:
        return Level.FINE
    if spent >= limit:
        return Level.SPENT
    return Level.NEAR if spent >= limit * WARN_AT else Level.FINE


def limit_of(tx: Tx, account_id: str, default: int | None = None) -> int | None:
    """Micro-dollars a month, or None."""
    query = select(budgets.c.monthly).where(budgets.c.account_id == account_id)
    found = tx.execute(query).scalar()
    return default if found is None else int(found)


def set_limit(
    tx: Tx, account_id: str, dollars: float | None, *, actor_id: str | None = None
) -> None:
    """Dollars a month; None takes the owner's own limit back. Raises `Invalid`."""
    if dollars is not None and not 0 <= dollars <= MOST:
        raise Invalid(f"A budget is between 0 and {MOST} dollars a month.")
    here = budgets.c.account_id == account_id
    if dollars is None:
        tx.execute(delete(budgets).where(here))
    else:
        monthly = round(dollars * MICRO)
        if not tx.execute(update(budgets).where(here).values(monthly=monthly)).rowcount:
            tx.execute(insert(budgets).values(account_id=account_id, monthly=monthly))
    kind = EventKind.ACCOUNT_CHANGED
    events.append(tx, kind, actor_id=actor_id, account=account_id, budget=dollars)


def limited(tx: Tx) -> list[str]:
    """The accounts with a limit of their own."""
    return list(tx.execute(select(budgets.c.account_id)).scalars())


def month_of(
    tx: Tx, account_id: str, month: Month | None = None, at: datetime | None = None
) -> Statement:
    """What an owner used in a month, by default this one."""
    at = at or now()
    month = month or Month.of(at)
    return statement(usage.of_owner(tx, account_id, month.start, month.end), month, at)
