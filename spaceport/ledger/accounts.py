"""Accounts: users and organisations share one space of names (spaces-behaviour 1.3.7)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from spaceport.errors import Conflict, NotFound
from spaceport.ledger import events
from spaceport.ledger.columns import now
from spaceport.ledger.database import Tx
from spaceport.ledger.events import EventKind
from spaceport.ledger.tables import accounts, invitations, sessions
from spaceport.names import check_account_name, new_key


class AccountKind(StrEnum):
    USER = "user"
    ORG = "org"


@dataclass(frozen=True)
class Account:
    id: str
    name: str
    kind: AccountKind
    full_name: str
    email: str | None
    is_admin: bool
    suspended_at: datetime | None
    created_at: datetime

    @property
    def display_name(self) -> str:
        return self.full_name or self.name

    @property
    def suspended(self) -> bool:
        return self.suspended_at is not None


def create_user(
    tx: Tx,
    name: str,
    *,
    full_name: str = "",
    email: str | None = None,
    password_hash: str | None = None,
    is_admin: bool = False,
) -> Account:
    """Raises `Invalid` for a bad name, `Conflict` for one that is taken, whatever its case."""
    values = {"email": email, "password_hash": password_hash, "is_admin": is_admin}
    return _create(tx, name, AccountKind.USER, full_name=full_name, **values)


def create_org(tx: Tx, name: str, *, full_name: str = "") -> Account:
    """An organisation without members. Raises as `create_user` does."""
    return _create(tx, name, AccountKind.ORG, full_name=full_name)


def get(tx: Tx, account_id: str) -> Account:
    """Raises `NotFound`."""
    row = tx.execute(select(accounts).where(accounts.c.id == account_id)).mappings().first()
    if row is None:
        raise NotFound("There is no such account.")
    return _account(row)


def by_name(tx: Tx, name: str) -> Account | None:
    """Look-up whatever the case."""
    query = select(accounts).where(accounts.c.name_lower == name.lower())
    row = tx.execute(query).mappings().first()
    return None if row is None else _account(row)


def user(tx: Tx, name: str) -> Account:
    """The user of that name. Raises `NotFound`, with a hint for the command line."""
    found = by_name(tx, name)
    if found is None or found.kind is not AccountKind.USER:
        raise NotFound(
            f"There is no user called {name!r}.", hint="'spaceport user list' shows who there is."
        )
    return found


def org(tx: Tx, name: str) -> Account:
    """The organisation of that name. Raises `NotFound`."""
    found = by_name(tx, name)
    if found is None or found.kind is not AccountKind.ORG:
        raise NotFound(f"There is no organisation called {name!r}.")
    return found


def listed(tx: Tx, kind: AccountKind | None = None) -> list[Account]:
    """Sorted by name."""
    query = select(accounts).order_by(accounts.c.name_lower)
    if kind is not None:
        query = query.where(accounts.c.kind == kind.value)
    return [_account(row) for row in tx.execute(query).mappings()]


def password_hash(tx: Tx, account_id: str) -> str | None:
    """None when there is no password, or no such account."""
    found = tx.execute(select(accounts.c.password_hash).where(accounts.c.id == account_id)).scalar()
    return None if found is None else str(found)


def set_password(tx: Tx, account_id: str, hashed: str, *, actor_id: str | None = None) -> None:
    """A new password ends every session of the account, and every link to set one (API-07)."""
    tx.execute(update(accounts).where(accounts.c.id == account_id).values(password_hash=hashed))
    tx.execute(delete(sessions).where(sessions.c.account_id == account_id))
    tx.execute(delete(invitations).where(invitations.c.account_id == account_id))
    _changed(tx, account_id, actor_id, change="password")


def renew_hash(tx: Tx, account_id: str, old: str, hashed: str) -> None:
    """The same password hashed with today's parameters; sessions go on."""
    same = (accounts.c.id == account_id, accounts.c.password_hash == old)
    tx.execute(update(accounts).where(*same).values(password_hash=hashed))


def set_admin(tx: Tx, account_id: str, is_admin: bool, *, actor_id: str | None = None) -> None:
    """New rights need a new sign-in (API-25)."""
    tx.execute(update(accounts).where(accounts.c.id == account_id).values(is_admin=is_admin))
    tx.execute(delete(sessions).where(sessions.c.account_id == account_id))
    _changed(tx, account_id, actor_id, admin=is_admin)


def suspend(tx: Tx, account_id: str, *, actor_id: str | None = None) -> None:
    """Nothing that the account holds opens anything any more (API-08)."""
    tx.execute(update(accounts).where(accounts.c.id == account_id).values(suspended_at=now()))
    tx.execute(delete(sessions).where(sessions.c.account_id == account_id))
    _changed(tx, account_id, actor_id, suspended=True)


def reinstate(tx: Tx, account_id: str, *, actor_id: str | None = None) -> None:
    """End a suspension; tokens and keys work again, sessions have to be begun anew."""
    tx.execute(update(accounts).where(accounts.c.id == account_id).values(suspended_at=None))
    _changed(tx, account_id, actor_id, suspended=False)


def any_admin(tx: Tx) -> bool:
    """Whether an administrator exists who could sign in."""
    able = (accounts.c.is_admin.is_(True), accounts.c.suspended_at.is_(None))
    return tx.execute(select(accounts.c.id).where(*able)).first() is not None


def _create(tx: Tx, name: str, kind: AccountKind, **values: Any) -> Account:
    check_account_name(name)
    if by_name(tx, name) is not None:
        raise Conflict(f"The name {name!r} is taken.", hint="Choose another name.")
    account_id = new_key()
    row = {"id": account_id, "name": name, "name_lower": name.lower(), "kind": kind.value, **values}
    try:
        tx.execute(insert(accounts).values(created_at=now(), **row))
    except IntegrityError as error:
        raise Conflict(f"The name {name!r} is taken.", hint="Choose another name.") from error
    _changed(tx, account_id, None, created=name)
    return get(tx, account_id)


def _changed(tx: Tx, account_id: str, actor_id: str | None, **detail: Any) -> None:
    events.append(tx, EventKind.ACCOUNT_CHANGED, actor_id=actor_id, account=account_id, **detail)


def _account(row: Mapping[Any, Any]) -> Account:
    return Account(
        id=row["id"],
        name=row["name"],
        kind=AccountKind(row["kind"]),
        full_name=row["full_name"],
        email=row["email"],
        is_admin=row["is_admin"],
        suspended_at=row["suspended_at"],
        created_at=row["created_at"],
    )
