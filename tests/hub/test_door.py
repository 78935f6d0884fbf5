"""Who may open a private app: tokens, tickets, cookies, and what takes their force away."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from hub.door import HubDoor
from hub.tickets import Tickets
from runtime.proxy.door import Admission, Credentials
from runtime.proxy.routes import Route
from spaceport.ledger import accounts, memberships, sessions, spaces, tokens
from spaceport.ledger.columns import now
from spaceport.ledger.spaces import Space
from spaceport.roles import OrgRole
from spaceport.stage import Stage
from tests.hub.conftest import Hub


@pytest.fixture(scope="module")
def space(hub: Hub) -> Space:
    with hub.context.ledger.write() as tx:
        lab = accounts.create_org(tx, "door-lab")
        reader = accounts.create_user(tx, "door-reader")
        accounts.create_user(tx, "door-stranger")
        memberships.set_role(tx, lab, reader, OrgRole.READ)
    return hub.space("door-lab/app", visibility="private")


def admit(hub: Hub, space: Space, **shown: str) -> Admission:
    door = HubDoor(hub.context.ledger, hub.context.pools, hub.context.tickets)
    route = Route(
        label=space.host_label,
        space_key=space.key,
        space_id=space.id,
        stage=Stage.RUNNING,
        target=None,
        hub_url="http://hub",
        private=True,
    )
    return asyncio.run(door.admit(route, Credentials(**shown)))


@pytest.mark.req("PX-17")
def test_a_token_of_a_reader_opens_and_no_other(hub: Hub, space: Space) -> None:
    reader, stranger = hub.token("door-reader", "read"), hub.token("door-stranger")
    assert admit(hub, space, bearer=reader).admitted
    assert admit(hub, space, platform_bearer=reader).admitted
    assert not admit(hub, space, bearer=stranger).admitted
    assert not admit(hub, space, bearer="hf_nonsense").admitted
    assert not admit(hub, space).admitted
    assert admit(hub, space, bearer=stranger, platform_bearer=reader).admitted


def test_the_apps_own_authorization_stays(hub: Hub, space: Space) -> None:
    reader = hub.token("door-reader", "read")
    assert not admit(hub, space, bearer=reader).keep_authorization
    assert admit(hub, space, bearer="the app's own", platform_bearer=reader).keep_authorization
    own = hub.space("door-reader/mine", visibility="private")
    assert admit(hub, own, bearer=reader).keep_authorization


@pytest.mark.req("API-07")
def test_a_ticket_opens_one_app_and_dies_with_its_token(hub: Hub, space: Space) -> None:
    text = hub.token("door-reader", "read")
    ticket = hub.wire.get("/api/spaces/door-lab/app/jwt", token=text).json()["token"]
    assert admit(hub, space, ticket=ticket) == Admission(
        True, cookie=ticket, keep_authorization=True
    )
    assert admit(hub, space, cookie=ticket) == Admission(True, keep_authorization=True)
    other = hub.space("door-reader/other", visibility="private")
    assert not admit(hub, other, ticket=ticket).admitted
    for broken in (ticket[:-2], ticket + "x", "x.y.z", ticket.split(".")[0] + "..", "x" * 5000):
        assert not admit(hub, space, ticket=broken).admitted
    with hub.context.ledger.write() as tx:
        token = tokens.find(tx, text)
        assert token is not None
        tokens.revoke(tx, token.account_id, token.id)
    assert not admit(hub, space, ticket=ticket).admitted


def test_a_ticket_of_a_session_dies_with_it_and_with_the_right(hub: Hub, space: Space) -> None:
    cookie, _ = hub.session("door-reader")
    asked = hub.wire.get("/api/spaces/door-lab/app/jwt", headers={"Cookie": cookie})
    ticket = asked.json()["token"]
    assert admit(hub, space, cookie=ticket).admitted
    with hub.context.ledger.write() as tx:
        lab, reader = accounts.org(tx, "door-lab"), accounts.user(tx, "door-reader")
        memberships.set_role(tx, lab, reader, OrgRole.NO_ACCESS)
    assert not admit(hub, space, cookie=ticket).admitted
    with hub.context.ledger.write() as tx:
        memberships.set_role(tx, lab, reader, OrgRole.READ)
    assert admit(hub, space, cookie=ticket).admitted
    with hub.context.ledger.write() as tx:
        sessions.end(tx, cookie.partition("=")[2])
    assert not admit(hub, space, cookie=ticket).admitted


def test_a_ticket_is_over_after_its_time_and_foreign_keys_sign_nothing(
    hub: Hub, space: Space
) -> None:
    text = hub.token("door-reader", "read")
    with hub.context.ledger.read() as tx:
        from spaceport.identify import by_token

        actor = by_token(tx, text, now())
    tickets = hub.context.tickets
    at = now()
    ticket = tickets.mint(actor, space.key, at)
    assert tickets.read(ticket, at + timedelta(hours=23)) is not None
    assert tickets.read(ticket, at + timedelta(hours=24)) is None
    forged = Tickets(b"another key of thirty-two bytes!", timedelta(days=1))
    assert tickets.read(forged.mint(actor, space.key, at), at) is None


def test_a_deleted_space_opens_to_nobody(hub: Hub) -> None:
    gone = hub.space("door-reader/gone", visibility="public")
    with hub.context.ledger.write() as tx:
        spaces.mark_deleted(tx, gone.key)
    assert not admit(hub, gone, bearer=hub.token("door-reader")).admitted


def test_the_anonymous_get_no_ticket(hub: Hub, space: Space) -> None:
    assert hub.wire.get("/api/spaces/door-lab/app/jwt").status == 401
    hub.space("door-reader/public")
    assert hub.wire.get("/api/spaces/door-reader/public/jwt").status == 401
