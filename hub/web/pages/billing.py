"""What an account used in a month, and its budget."""

from __future__ import annotations

from aiohttp import web

from hub.billing import Bill, account_of, bill, bill_csv
from hub.web.visit import Visit
from spaceport.authorize import Action, Namespace, authorize
from spaceport.errors import Invalid, SpaceportError
from spaceport.ledger import Tx, budgets
from spaceport.ledger.columns import now
from spaceport.statement import Month


async def page(visit: Visit) -> web.StreamResponse:
    """`GET /settings/billing` and `/organizations/{account}/billing`; `?format=csv` to keep it."""
    name, month = _name(visit), _month(visit)
    found = await visit.read(lambda tx: bill(tx, visit.context, visit.actor, name, month))
    if visit.query.get("format") == "csv":
        file = f"{found.account.name}-{found.statement.month}.csv"
        return web.Response(
            text=bill_csv(found.statement),
            content_type="text/csv",
            charset="utf-8",
            headers={"Content-Disposition": f'attachment; filename="{file}"'},
        )
    return _page(visit, found)


async def set_budget(visit: Visit) -> web.StreamResponse:
    """`POST .../billing/budget`: an empty amount takes it back."""
    name, typed = _name(visit), (await visit.form()).get("monthly", "").strip()

    def write(tx: Tx) -> None:
        account = account_of(tx, visit.actor, name, Action.SET_BUDGET)
        budgets.set_limit(tx, account.id, _amount(typed), actor_id=visit.actor.id)

    try:
        await visit.write(write)
    except Invalid as error:
        found = await visit.read(lambda tx: bill(tx, visit.context, visit.actor, name))
        return _page(visit, found, problem=f"{error} {error.hint}".strip())
    return visit.go(visit.request.path.removesuffix("/budget") + "#budget")


def _page(visit: Visit, found: Bill, problem: str = "") -> web.Response:
    month, present = found.statement.month, Month.of(now())
    return visit.page(
        "billing.html",
        status=400 if problem else 200,
        bill=found,
        present=month == present,
        later=month.after if month < present else None,
        path=visit.request.path.removesuffix("/budget"),
        may_set=visit.may(Action.SET_BUDGET, Namespace(found.account.id)),
        problem=problem,
    )


def _name(visit: Visit) -> str:
    if "account" in visit.request.match_info:
        return visit.word("account")
    account = visit.actor.account
    authorize(visit.actor, Action.SEE_BILL, Namespace(account.id if account else "")).require()
    return visit.actor.name


def _month(visit: Visit) -> Month | None:
    asked = visit.query.get("month")
    try:
        return Month.parse(asked) if asked else None
    except SpaceportError:
        return None  # an address that somebody mistyped shows the present month


def _amount(typed: str) -> float | None:
    if not typed:
        return None
    try:
        return float(typed)
    except ValueError:
        raise Invalid(f"{typed[:20]!r} is not an amount.", hint="Write dollars, as 20.") from None
