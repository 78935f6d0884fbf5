"""Sessions of signed-in browsers: random, server-side, stored as SHA-256 (API-25)."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, insert, or_, select, update

from spaceport.ledger.columns import now
from spaceport.ledger.database import Tx
from spaceport.ledger.digests import digest
from spaceport.ledger.tables import sessions

IDLE = timedelta(days=7)
ABSOLUTE = timedelta(days=30)
TOUCH_EVERY = timedelta(minutes=1)


@dataclass(frozen=True)
class Session:
    """`csrf` goes into every form of this session. `id` is the digest, not the cookie."""

    id: str
    account_id: str
    csrf: str
    created_at: datetime
    seen_at: datetime


def begin(tx: Tx, account_id: str) -> tuple[Session, str]:
    """A new session and its cookie's value (256 random bits), which cannot be had again."""
    cookie = secrets.token_urlsafe(32)
    csrf = secrets.token_urlsafe(32)
    at = now()
    row = Session(digest(cookie), account_id, csrf, at, at)
    tx.execute(
        insert(sessions).values(
            digest=row.id,
            account_id=account_id,
            csrf=csrf,
            created_at=row.created_at,
            seen_at=row.seen_at,
        )
    )
    return row, cookie


def find(tx: Tx, cookie: str, at: datetime | None = None) -> Session | None:
    """The session of that cookie, unless it was idle or old for too long."""
    return by_id(tx, digest(cookie), at)


def by_id(tx: Tx, session_id: str, at: datetime | None = None) -> Session | None:
    """As `find`, by the id; whoever asks must have it from something signed."""
    at = at or now()
    query = select(sessions).where(
        sessions.c.digest == session_id,
        sessions.c.seen_at > at - IDLE,
        sessions.c.created_at > at - ABSOLUTE,
    )
    row = tx.execute(query).mappings().first()
    if row is None:
        return None
    return Session(row["digest"], row["account_id"], row["csrf"], row["created_at"], row["seen_at"])


def touch_due(session: Session, at: datetime) -> bool:
    return at - session.seen_at >= TOUCH_EVERY


def touch(tx: Tx, session: Session, at: datetime) -> None:
    """Note that it is in use."""
    older = (sessions.c.digest == session.id, sessions.c.seen_at < at)
    tx.execute(update(sessions).where(*older).values(seen_at=at))


def end(tx: Tx, cookie: str) -> None:
    """Sign out."""
    tx.execute(delete(sessions).where(sessions.c.digest == digest(cookie)))


def end_all(tx: Tx, account_id: str, *, keep: Session | None = None) -> int:
    """End every session of an account, but for the one to `keep`; return how many."""
    mine = sessions.c.account_id == account_id
    if keep is not None:
        mine = mine & (sessions.c.digest != keep.id)
    return int(tx.execute(delete(sessions).where(mine)).rowcount)


def sweep(tx: Tx, at: datetime | None = None) -> int:
    """Drop those that are over; return how many."""
    at = at or now()
    over = or_(sessions.c.seen_at <= at - IDLE, sessions.c.created_at <= at - ABSOLUTE)
    return int(tx.execute(delete(sessions).where(over)).rowcount)
