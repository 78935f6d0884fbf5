"""Community grants and which hardware can be chosen, by API, page and command line."""

from __future__ import annotations

from datetime import timedelta

import pytest

from config.runtime import RuntimeSettings
from hub.hardware import check_flavor, offered
from spaceport.actor import Actor, Means
from spaceport.errors import BudgetSpent, Conflict, Forbidden, Invalid
from spaceport.ledger import accounts, grants, spaces
from spaceport.ledger.columns import now
from spaceport.ledger.grants import GrantState
from spaceport.ledger.tables import accounts as accounts_table
from spaceport.ledger.tables import grants as grants_table
from spaceport.names import SpaceId
from spaceport.sdk import Sdk
from tests.hub.conftest import Hub


def flavor_of(hub: Hub, id: str) -> str:
    with hub.context.ledger.read() as tx:
        found = spaces.by_id(tx, SpaceId.parse(id))
    assert found is not None
    return found.flavor


def admin_headers(hub: Hub) -> dict[str, str]:
    """Of a session: a token never has an administrator's rights."""
    account = hub.user("grant-admin")
    with hub.context.ledger.write() as tx:
        change = accounts_table.update().where(accounts_table.c.id == account.id)
        tx.execute(change.values(is_admin=True))
    cookie, csrf = hub.session("grant-admin")
    return {"Cookie": cookie, "X-CSRF-Token": csrf, "Origin": hub.url}


def test_an_owner_asks_and_an_administrator_decides(hub: Hub) -> None:
    hub.space("gia/course")
    owner, admin = hub.token("gia"), admin_headers(hub)
    path, body = "/api/spaces/gia/course/grants", {"flavor": "cpu-upgrade", "reason": "a course"}
    asked = hub.wire.ask("POST", path, token=owner, json_body=body)
    assert asked.status == 200 and asked.json()["state"] == "asked"
    again = hub.wire.ask("POST", path, token=owner, json_body=body)
    assert again.status == 409 and "not decided yet" in again.error
    assert hub.wire.get("/api/admin/grants", token=owner).status == 403
    listed = hub.wire.get("/api/admin/grants", headers=admin).json()
    grant_id = next(one["id"] for one in listed if one["space"] == "gia/course")
    verdict = f"/api/admin/grants/{grant_id}"
    said = {"verdict": "approve", "answer": "Have fun"}
    assert hub.wire.ask("POST", verdict, token=owner, json_body=said).status == 403
    assert hub.wire.ask("POST", verdict, headers=admin, json_body=said).json()["state"] == "granted"
    assert flavor_of(hub, "gia/course") == "cpu-upgrade"
    assert hub.wire.ask("POST", verdict, headers=admin, json_body=said).status == 409
    ended = hub.wire.ask("POST", verdict, headers=admin, json_body={"verdict": "end"})
    assert ended.json()["state"] == "ended" and flavor_of(hub, "gia/course") == "cpu-basic"
    shown = hub.wire.get(path, token=owner).json()
    assert [(one["state"], one["answer"]) for one in shown] == [("ended", "Have fun")]


def test_a_grant_ends_on_its_day_and_a_choice_of_ones_own_stays(hub: Hub) -> None:
    keys = [hub.space(f"gil/{name}").key for name in ("one", "two")]
    with hub.context.ledger.write() as tx:
        for key in keys:
            asked = grants.ask(tx, key, "cpu-upgrade", "x")
            grants.approve(tx, asked, "cpu-upgrade", now() + timedelta(hours=1))
        spaces.set_flavor(tx, keys[1], "t4-small")
        assert grants.in_force(tx, keys[0]) is not None
        past = now() - timedelta(seconds=1)
        tx.execute(grants_table.update().values(until=past))
        assert grants.in_force(tx, keys[0]) is None
        grants.end_overdue(tx, "cpu-basic")
        assert [spaces.get(tx, key).flavor for key in keys] == ["cpu-basic", "t4-small"]
        assert {one.state for key in keys for one in grants.of_space(tx, key)} == {GrantState.ENDED}
        with pytest.raises(Invalid):
            grants.ask(tx, keys[0], "cpu-upgrade", "  ")
        declined = grants.ask(tx, keys[0], "cpu-upgrade", "again")
        grants.decline(tx, declined, "no")
        with pytest.raises(Conflict):
            grants.approve(tx, declined, "cpu-upgrade")


def test_what_is_not_here_is_said_so(hub: Hub) -> None:
    hub.space("gus/app")
    token = hub.token("gus")
    expected = {
        "zero-a10g": (403, "not available on this server"),
        "t4-small": (403, "it has no Nvidia T4"),
        "warp-drive": (400, "There is no hardware 'warp-drive' here"),
    }
    for flavor, (status, words) in expected.items():
        answer = hub.wire.ask(
            "POST", "/api/spaces/gus/app/hardware", token=token, json_body={"flavor": flavor}
        )
        assert answer.status == status and words in answer.error, answer.body
    listed = hub.wire.get("/api/spaces/hardware").json()
    assert [one["name"] for one in listed] == ["cpu-basic", "cpu-upgrade"]


def test_the_operator_declares_what_there_is_and_who_may_pay(hub: Hub) -> None:
    gpus = [{"id": "0", "accelerator": "Nvidia T4"}]
    runtime = RuntimeSettings.model_validate(
        {"gpus": gpus, "flavors": ["cpu-basic", "t4-small"], "paid_flavors": "administrators"}
    )
    settings = hub.context.settings.model_copy(update={"runtime": runtime})
    context = type(hub.context)(**{**hub.context.__dict__, "settings": settings})
    assert [flavor.slug for flavor in offered(context)] == ["cpu-basic", "t4-small"]
    account = hub.user("gus")
    person = Actor(account=account)
    with pytest.raises(Forbidden, match="does not offer it"):
        check_flavor(context, person, "cpu-upgrade", Sdk.GRADIO)
    with pytest.raises(BudgetSpent, match="only administrators"):
        check_flavor(context, person, "t4-small", Sdk.GRADIO)
    admin_headers(hub)
    with hub.context.ledger.read() as tx:
        admin = Actor(Means.SESSION, accounts.by_name(tx, "grant-admin"))
    assert check_flavor(context, admin, "t4-small", Sdk.GRADIO) == "t4-small"
    assert check_flavor(context, person, "cpu-basic", Sdk.GRADIO) == "cpu-basic"
    with pytest.raises(Invalid, match="static"):
        check_flavor(context, person, "t4-small", Sdk.STATIC)
