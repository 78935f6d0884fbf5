from __future__ import annotations

import pytest

from spaceport.errors import Conflict, Invalid, NotFound
from spaceport.ledger import Ledger, accounts, events, invitations, memberships, sessions
from spaceport.ledger.accounts import Account, AccountKind
from spaceport.ledger.invitations import Purpose
from spaceport.roles import OrgRole


def test_names_are_one_for_users_and_organisations_whatever_the_case(
    ledger: Ledger, ada: Account
) -> None:
    with ledger.write() as tx, pytest.raises(Conflict, match="taken"):
        accounts.create_org(tx, "ADA")
    with ledger.read() as tx:
        assert accounts.by_name(tx, "aDa") == ada
        assert accounts.user(tx, "ada").display_name == "Ada"
        with pytest.raises(NotFound, match="organisation"):
            accounts.org(tx, "ada")


@pytest.mark.parametrize("name", ["a", "admin", "12345", "a--b", "a_b", "-ab", "x" * 43, "api"])
def test_bad_names_create_nothing(ledger: Ledger, name: str) -> None:
    with pytest.raises(Invalid), ledger.write() as tx:
        accounts.create_user(tx, name)
    with ledger.read() as tx:
        assert accounts.listed(tx) == []


@pytest.mark.req("API-07")
def test_a_new_password_ends_sessions_and_links(ledger: Ledger, ada: Account) -> None:
    with ledger.write() as tx:
        _, cookie = sessions.begin(tx, ada.id)
        link = invitations.create(tx, Purpose.RESET, account_id=ada.id)
        accounts.set_password(tx, ada.id, "$argon2id$...")
    with ledger.read() as tx:
        assert sessions.find(tx, cookie) is None
        assert invitations.peek(tx, link) is None
        assert accounts.password_hash(tx, ada.id) == "$argon2id$..."


@pytest.mark.req("API-08")
def test_suspension_ends_sessions_and_can_be_lifted(ledger: Ledger, ada: Account) -> None:
    with ledger.write() as tx:
        _, cookie = sessions.begin(tx, ada.id)
        accounts.suspend(tx, ada.id, actor_id=ada.id)
    with ledger.read() as tx:
        assert accounts.get(tx, ada.id).suspended
        assert sessions.find(tx, cookie) is None
        assert events.after(tx, 0)[-1].detail == {"account": ada.id, "suspended": True}
    with ledger.write() as tx:
        accounts.reinstate(tx, ada.id)
        assert not accounts.get(tx, ada.id).suspended


def test_administrators(ledger: Ledger, ada: Account) -> None:
    with ledger.write() as tx:
        assert not accounts.any_admin(tx)
        accounts.set_admin(tx, ada.id, True)
        assert accounts.any_admin(tx)
        accounts.suspend(tx, ada.id)
        assert not accounts.any_admin(tx)


def test_a_renewed_hash_replaces_only_the_one_that_was_verified(
    ledger: Ledger, ada: Account
) -> None:
    with ledger.write() as tx:
        accounts.set_password(tx, ada.id, "old")
        accounts.renew_hash(tx, ada.id, "other", "newer")
        assert accounts.password_hash(tx, ada.id) == "old"
        accounts.renew_hash(tx, ada.id, "old", "newer")
        assert accounts.password_hash(tx, ada.id) == "newer"


def test_members_and_their_roles(ledger: Ledger, ada: Account) -> None:
    with ledger.write() as tx:
        lab = accounts.create_org(tx, "lab")
        bob = accounts.create_user(tx, "bob")
        memberships.set_role(tx, lab, ada, OrgRole.ADMIN)
        memberships.set_role(tx, lab, bob, OrgRole.READ)
        memberships.set_role(tx, lab, bob, OrgRole.WRITE)
    with ledger.read() as tx:
        assert memberships.members(tx, lab.id) == [(ada, OrgRole.ADMIN), (bob, OrgRole.WRITE)]
        assert memberships.orgs_of(tx, bob.id) == [(lab, OrgRole.WRITE)]
        assert [account.kind for account in accounts.listed(tx, AccountKind.ORG)] == ["org"]


def test_the_last_administrator_stays(ledger: Ledger, ada: Account) -> None:
    with ledger.write() as tx:
        lab = accounts.create_org(tx, "lab")
        memberships.set_role(tx, lab, ada, OrgRole.ADMIN)
        with pytest.raises(Conflict, match="last administrator"):
            memberships.set_role(tx, lab, ada, OrgRole.READ)
        with pytest.raises(Conflict, match="last administrator"):
            memberships.remove(tx, lab, ada)
        bob = accounts.create_user(tx, "bob")
        memberships.set_role(tx, lab, bob, OrgRole.ADMIN)
        assert memberships.remove(tx, lab, ada)
        assert not memberships.remove(tx, lab, ada)
        with pytest.raises(Invalid):
            memberships.set_role(tx, ada, bob, OrgRole.READ)
