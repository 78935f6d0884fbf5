"""What an owner used in a month, in the forms that doors give out: JSON and CSV."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hub.context import HubContext
from spaceport.actor import Actor
from spaceport.authorize import Action, Namespace, authorize
from spaceport.errors import NotFound
from spaceport.ledger import Tx, accounts, budgets
from spaceport.ledger.accounts import Account
from spaceport.ledger.budgets import Level, judge
from spaceport.ledger.columns import now
from spaceport.ledger.usage import Kind
from spaceport.statement import Line, Month, Statement, micro_dollars

COLUMNS = ("space", "kind", "name", "unitPrice", "unit", "seconds", "minutes", "amount")
UNITS = {Kind.HARDWARE: "hour", Kind.STORAGE: "month", Kind.ASLEEP: "hour"}


@dataclass(frozen=True)
class Bill:
    """`limit` in micro-dollars a month; None: no limit. `level` is of the present month."""

    account: Account
    statement: Statement
    limit: int | None
    level: Level
    own_limit: bool = False


def bill(tx: Tx, context: HubContext, actor: Actor, name: str, month: Month | None = None) -> Bill:
    """What `name` used, by default in this month. Raises `Denied`, `NotFound`."""
    account = account_of(tx, actor, name, Action.SEE_BILL)
    default = context.settings.runtime.monthly_budget
    limit = budgets.limit_of(tx, account.id, None if default is None else micro_dollars(default))
    at = now()
    shown = budgets.month_of(tx, account.id, month or Month.of(at), at)
    present = budgets.month_of(tx, account.id, Month.of(at), at)
    own = budgets.limit_of(tx, account.id) is not None
    return Bill(account, shown, limit, judge(present.total, limit), own)


def account_of(tx: Tx, actor: Actor, name: str, action: Action) -> Account:
    """The account of that name, if the actor may do this with it. Raises `Denied`."""
    account = accounts.by_name(tx, name)
    authorize(actor, action, Namespace(account.id if account else "")).require()
    if account is None:
        raise NotFound(f"There is no account called {name!r}.")
    return account


def bill_json(found: Bill, at: datetime) -> dict[str, Any]:
    """Money in dollars as text, exactly; times in whole seconds."""
    told = found.statement
    return {
        "account": found.account.name,
        "month": str(told.month),
        "until": min(at, told.month.end).isoformat().replace("+00:00", "Z"),
        "currency": "USD",
        "total": exactly(told.total),
        "savedBySleeping": exactly(told.saved),
        "budget": None if found.limit is None else exactly(found.limit),
        "budgetLevel": found.level.value,
        "lines": [_line_json(line) for line in told.lines],
        "asleep": [_line_json(line) for line in told.asleep],
    }


def bill_csv(told: Statement) -> str:
    """A line for each charge; what was asleep is not one. RFC 4180."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for line in told.lines:
        shown = _line_json(line)
        writer.writerow([_inert(str(shown[column])) for column in COLUMNS])
    return text.getvalue()


def exactly(micro: int) -> str:
    """`1234567` → `1.234567`: nothing is rounded for programs."""
    sign = "-" if micro < 0 else ""
    return f"{sign}{abs(micro) // 1_000_000}.{abs(micro) % 1_000_000:06}"


def _line_json(line: Line) -> dict[str, Any]:
    return {
        "space": line.space_id,
        "kind": line.kind.value,
        "name": line.slug,
        "unitPrice": exactly(line.price),
        "unit": UNITS[line.kind],
        "seconds": line.seconds,
        "minutes": line.minutes,
        "amount": exactly(line.amount),
    }


def _inert(cell: str) -> str:
    """A spreadsheet must not take a name for a formula."""
    return f"'{cell}" if cell[:1] in "=+-@\t\r" else cell
