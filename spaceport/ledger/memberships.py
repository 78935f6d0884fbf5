"""Who belongs to which organisation, and in which role (spaces-behaviour 14.2)."""

from __future__ import annotations

from sqlalchemy import delete, insert, select, update

from spaceport.errors import Conflict, Invalid
from spaceport.ledger import accounts as accounts_ledger
from spaceport.ledger import events
from spaceport.ledger.accounts import Account, AccountKind
from spaceport.ledger.database import Tx
from spaceport.ledger.events import EventKind
from spaceport.ledger.tables import accounts, memberships
from spaceport.roles import OrgRole


def of_user(tx: Tx, user_id: str) -> dict[str, OrgRole]:
    """Organisation ids and the user's role in each."""
    query = select(memberships).where(memberships.c.user_id == user_id)
    return {row["org_id"]: OrgRole(row["role"]) for row in tx.execute(query).mappings()}


def orgs_of(tx: Tx, user_id: str) -> list[tuple[Account, OrgRole]]:
    """The organisations themselves, sorted by name."""
    found = [(accounts_ledger.get(tx, org), role) for org, role in of_user(tx, user_id).items()]
    return sorted(found, key=lambda pair: pair[0].name.lower())


def members(tx: Tx, org_id: str) -> list[tuple[Account, OrgRole]]:
    """Sorted by name."""
    query = (
        select(memberships.c.user_id, memberships.c.role)
        .join(accounts, accounts.c.id == memberships.c.user_id)
        .where(memberships.c.org_id == org_id)
        .order_by(accounts.c.name_lower)
    )
    return [
        (accounts_ledger.get(tx, row["user_id"]), OrgRole(row["role"]))
        for row in list(tx.execute(query).mappings())
    ]


def set_role(
    tx: Tx, org: Account, user: Account, role: OrgRole, *, actor_id: str | None = None
) -> None:
    """Add a member or change the role. Raises `Conflict` for the last administrator."""
    if org.kind is not AccountKind.ORG or user.kind is not AccountKind.USER:
        raise Invalid("Only a user can be a member, and only of an organisation.")
    if role is not OrgRole.ADMIN:
        _keep_an_admin(tx, org, user)
    here = (memberships.c.org_id == org.id, memberships.c.user_id == user.id)
    if tx.execute(update(memberships).where(*here).values(role=role.value)).rowcount == 0:
        values = {"org_id": org.id, "user_id": user.id, "role": role.value}
        tx.execute(insert(memberships).values(values))
    _changed(tx, org, user, actor_id, role.value)


def remove(tx: Tx, org: Account, user: Account, *, actor_id: str | None = None) -> bool:
    """False when the user was no member. Raises `Conflict` for the last administrator."""
    _keep_an_admin(tx, org, user)
    here = (memberships.c.org_id == org.id, memberships.c.user_id == user.id)
    if tx.execute(delete(memberships).where(*here)).rowcount == 0:
        return False
    _changed(tx, org, user, actor_id, None)
    return True


def _keep_an_admin(tx: Tx, org: Account, leaving: Account) -> None:
    query = select(memberships.c.user_id).where(
        memberships.c.org_id == org.id, memberships.c.role == OrgRole.ADMIN.value
    )
    if list(tx.execute(query).scalars()) == [leaving.id]:
        raise Conflict(
            f"{leaving.name} is the last administrator of {org.name}.",
            hint="Make somebody else administrator first.",
        )


def _changed(tx: Tx, org: Account, user: Account, actor_id: str | None, role: str | None) -> None:
    detail = {"account": user.id, "org": org.id, "role": role}
    events.append(tx, EventKind.ACCOUNT_CHANGED, actor_id=actor_id, **detail)
