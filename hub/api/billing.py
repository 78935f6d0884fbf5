"""What an account used, and its budget (spaces-behaviour 4.6)."""

from __future__ import annotations

from aiohttp import web

from hub.api.body import Body
from hub.api.call import Call, answer
from hub.api.errors import ApiError
from hub.billing import account_of, bill, bill_csv, bill_json
from spaceport.authorize import REPO_NOT_FOUND, Action
from spaceport.ledger import Tx, budgets
from spaceport.ledger.columns import now
from spaceport.statement import Month


class Budget(Body):
    """Dollars a month; null takes the account's own limit back."""

    monthly: float | None


async def statement(call: Call) -> web.StreamResponse:
    """`GET .../billing/statement[?month=2026-11][&format=csv]`."""
    name, asked = _name(call), call.request.query.get("month")
    month = Month.parse(asked) if asked else None
    found = await call.read(lambda tx: bill(tx, call.context, call.actor, name, month))
    if call.request.query.get("format") != "csv":
        return answer(bill_json(found, now()))
    file = f"{found.account.name}-{found.statement.month}.csv"
    return web.Response(
        text=bill_csv(found.statement),
        content_type="text/csv",
        charset="utf-8",
        headers={"Content-Disposition": f'attachment; filename="{file}"'},
    )


async def set_budget(call: Call) -> web.StreamResponse:
    """`PUT .../billing/budget`."""
    body, name = await call.body(Budget), _name(call)

    def write(tx: Tx) -> dict[str, object]:
        account = account_of(tx, call.actor, name, Action.SET_BUDGET)
        budgets.set_limit(tx, account.id, body.monthly, actor_id=call.actor.id)
        return {"account": account.name, "monthly": body.monthly}

    return answer(await call.write(write))


def _name(call: Call) -> str:
    """Of the path; `/api/settings/...` is the caller's own."""
    if "account" in call.request.match_info:
        return call.part("account")
    if call.actor.account is None:
        raise ApiError(401, "Sign in to do this", REPO_NOT_FOUND)
    return call.actor.account.name
