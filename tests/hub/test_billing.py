"""Statements and budgets by the API and the command line: what is told, and to whom."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert

from spaceport.ledger import accounts, budgets, memberships, spaces
from spaceport.ledger.columns import now
from spaceport.ledger.tables import usage
from spaceport.names import SpaceId, new_key
from spaceport.roles import OrgRole
from tests.hub.conftest import Hub

BEGIN = datetime(2026, 10, 5, 12, tzinfo=UTC)


def used(hub: Hub, id: str, seconds: int, *, price: int = 600_000, **more: Any) -> None:
    """A stretch of time that was measured, in October 2026."""
    with hub.context.ledger.write() as tx:
        space = spaces.by_id(tx, SpaceId.parse(id))
        assert space is not None
        values: dict[str, Any] = {
            "id": new_key(),
            "space_key": space.key,
            "space_id": id,
            "owner_id": space.owner_id,
            "kind": "hardware",
            "slug": "t4-small",
            "price": price,
            "started_at": BEGIN,
            "answered_at": BEGIN,
            "ended_at": BEGIN + timedelta(seconds=seconds),
        }
        tx.execute(insert(usage).values(**(values | more)))


def test_a_statement_as_json_and_csv(hub: Hub) -> None:
    hub.space("bil/one")
    hub.space("bil/two")
    used(hub, "bil/one", 5400)
    used(hub, "bil/one", 90, price=0, slug="cpu-basic")
    used(hub, "bil/two", 3600, kind="asleep")
    token = hub.token("bil", "read")
    found = hub.wire.get("/api/settings/billing/statement?month=2026-10", token=token).json()
    assert (found["account"], found["month"], found["total"]) == ("bil", "2026-10", "0.900000")
    assert (found["savedBySleeping"], found["budget"]) == ("0.600000", None)
    assert found["lines"][1] == {
        "space": "bil/one",
        "kind": "hardware",
        "name": "t4-small",
        "unitPrice": "0.600000",
        "unit": "hour",
        "seconds": 5400,
        "minutes": 90,
        "amount": "0.900000",
    }
    path = "/api/users/bil/billing/statement?month=2026-10&format=csv"
    answer = hub.wire.get(path, token=token)
    assert answer.headers["Content-Disposition"] == 'attachment; filename="bil-2026-10.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.body.decode())))
    as_text = [{name: str(value) for name, value in line.items()} for line in found["lines"]]
    assert rows == as_text
    empty = hub.wire.get("/api/settings/billing/statement?month=2026-09", token=token).json()
    assert (empty["lines"], empty["total"]) == ([], "0.000000")
    assert hub.wire.get("/api/settings/billing/statement?month=x", token=token).status == 400


def test_a_bill_outlives_its_space(hub: Hub) -> None:
    hub.space("bgone/app")
    used(hub, "bgone/app", 3600)
    hub.api("bgone").delete_repo("bgone/app", repo_type="space")
    token = hub.token("bgone", "read")
    found = hub.wire.get("/api/settings/billing/statement?month=2026-10", token=token).json()
    assert [line["space"] for line in found["lines"]] == ["bgone/app"]


@pytest.mark.parametrize(
    ("who", "status"),
    [("owner", 200), ("writer", 403), ("reader", 403), ("stranger", 403), ("nobody", 401)],
)
def test_who_sees_what_an_organisation_used(hub: Hub, who: str, status: int) -> None:
    with hub.context.ledger.write() as tx:
        lab = accounts.by_name(tx, "bill-lab") or accounts.create_org(tx, "bill-lab")
        roles = {"owner": OrgRole.ADMIN, "writer": OrgRole.WRITE, "reader": OrgRole.READ}
        for name, role in roles.items():
            user = accounts.by_name(tx, f"bill-{name}") or accounts.create_user(tx, f"bill-{name}")
            memberships.set_role(tx, lab, user, role)
    token = "" if who == "nobody" else hub.token(f"bill-{who}")
    path = "/api/organizations/bill-lab/billing"
    assert hub.wire.get(f"{path}/statement", token=token).status == status
    changed = hub.wire.ask("PUT", f"{path}/budget", token=token, json_body={"monthly": 5})
    assert changed.status == status
    with hub.context.ledger.write() as tx:
        assert budgets.limit_of(tx, lab.id) == (5_000_000 if who == "owner" else None)
        budgets.set_limit(tx, lab.id, None)


def test_a_budget_is_set_and_taken_back(hub: Hub) -> None:
    hub.space("blim/app")
    used(hub, "blim/app", 3600, started_at=now(), ended_at=now() + timedelta(hours=1))
    token = hub.token("blim")

    def level() -> tuple[str | None, str]:
        found = hub.wire.get("/api/settings/billing/statement", token=token).json()
        return found["budget"], found["budgetLevel"]

    def put(monthly: object, wanted: int = 200) -> None:
        path = "/api/settings/billing/budget"
        answer = hub.wire.ask("PUT", path, token=token, json_body={"monthly": monthly})
        assert answer.status == wanted, answer.body

    assert level() == (None, "fine")
    put(1000)
    assert level() == ("1000.000000", "fine")
    put(0)
    assert level() == ("0.000000", "spent")
    put(None)
    assert level() == (None, "fine")
    for wrong in (-1, 1e12, "many"):
        put(wrong, 400 if not isinstance(wrong, str) else 422)
    read = hub.token("blim", "read")
    path = "/api/settings/billing/budget"
    assert hub.wire.ask("PUT", path, token=read, json_body={"monthly": 1}).status == 403
