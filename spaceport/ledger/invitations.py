"""One-time links: the first administrator, new users, a forgotten password (API-33)."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, insert, select

from spaceport.ledger.columns import now
from spaceport.ledger.database import Tx
from spaceport.ledger.digests import digest
from spaceport.ledger.tables import invitations

LIFE = timedelta(days=7)


class Purpose(StrEnum):
    ADMIN = "admin"  # sign up as administrator
    USER = "user"  # sign up
    RESET = "password"  # set the password of an account that exists


@dataclass(frozen=True)
class Invitation:
    purpose: Purpose
    account_id: str | None
    expires_at: datetime


def create(
    tx: Tx, purpose: Purpose, *, account_id: str | None = None, life: timedelta = LIFE
) -> str:
    """The secret part of a link (256 random bits); it works once, for as long as `life`."""
    text = secrets.token_urlsafe(32)
    tx.execute(
        insert(invitations).values(
            digest=digest(text),
            purpose=purpose.value,
            account_id=account_id,
            created_at=now(),
            expires_at=now() + life,
        )
    )
    return text


def peek(tx: Tx, text: str) -> Invitation | None:
    """What the link is for, if it still works; it is not used up by looking."""
    row = tx.execute(select(invitations).where(_works(text))).mappings().first()
    return None if row is None else _invitation(row)


def take(tx: Tx, text: str) -> Invitation | None:
    """Use the link up: exactly one caller gets it, also of many at once."""
    taken = tx.execute(delete(invitations).where(_works(text)).returning(invitations))
    row = taken.mappings().first()
    return None if row is None else _invitation(row)


def withdraw(tx: Tx, purpose: Purpose, *, account_id: str | None = None) -> int:
    """Make all open links of a kind void; return how many there were."""
    void = delete(invitations).where(invitations.c.purpose == purpose.value)
    if account_id is not None:
        void = void.where(invitations.c.account_id == account_id)
    return int(tx.execute(void).rowcount)


def _works(text: str) -> ColumnElement[bool]:
    return and_(invitations.c.digest == digest(text), invitations.c.expires_at > now())


def _invitation(row: Any) -> Invitation:
    return Invitation(Purpose(row["purpose"]), row["account_id"], row["expires_at"])
