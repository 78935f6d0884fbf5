"""Access tokens: shown once, stored as SHA-256 (API-03, spaces-behaviour 14.4)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, insert, or_, select, update

from spaceport.errors import Invalid
from spaceport.ledger import events
from spaceport.ledger.columns import now
from spaceport.ledger.database import Tx
from spaceport.ledger.digests import digest, random_text
from spaceport.ledger.events import EventKind
from spaceport.ledger.tables import tokens
from spaceport.names import new_key
from spaceport.roles import Grant, TokenRole

PREFIX = "hf_"
RANDOM_LENGTH = 34  # 202 bits
MAX_NAME = 200
TOUCH_EVERY = timedelta(minutes=1)


@dataclass(frozen=True)
class Token:
    """What is known of a token; its text is not. `tail` is its last four characters."""

    id: str
    account_id: str
    name: str
    role: TokenRole
    grants: tuple[Grant, ...]
    tail: str
    created_at: datetime
    last_used_at: datetime | None
    expires_at: datetime | None

    def expired(self, at: datetime) -> bool:
        return self.expires_at is not None and self.expires_at <= at


def looks_like_one(text: str) -> bool:
    """Whether a text is meant as a token, right or wrong."""
    return text.startswith(PREFIX)


def create(
    tx: Tx,
    account_id: str,
    name: str,
    role: TokenRole,
    *,
    grants: Iterable[Grant] = (),
    expires_at: datetime | None = None,
    actor_id: str | None = None,
) -> tuple[Token, str]:
    """A new token and its text, which cannot be had again. Raises `Invalid`."""
    if not 1 <= len(name) <= MAX_NAME:
        raise Invalid(f"The name of a token has 1 to {MAX_NAME} characters.")
    given = tuple(grants)
    if given and role is not TokenRole.FINE_GRAINED:
        raise Invalid("Only a fine-grained token has grants.")
    text = PREFIX + random_text(RANDOM_LENGTH)
    token_id = new_key()
    row = {
        "id": token_id,
        "account_id": account_id,
        "name": name,
        "role": role.value,
        "grants": [grant.to_json() for grant in given],
        "digest": digest(text),
        "tail": text[-4:],
        "created_at": now(),
        "expires_at": expires_at,
    }
    tx.execute(insert(tokens).values(row))
    _changed(tx, account_id, actor_id, token_id, "created")
    return _token(row), text


def find(tx: Tx, text: str) -> Token | None:
    """The token with that text, also one that has expired."""
    query = select(tokens).where(tokens.c.digest == digest(text))
    row = tx.execute(query).mappings().first()
    return None if row is None else _token(row)


def get(tx: Tx, token_id: str) -> Token | None:
    """The token with that id, also one that has expired; None when it was revoked."""
    row = tx.execute(select(tokens).where(tokens.c.id == token_id)).mappings().first()
    return None if row is None else _token(row)


def of_account(tx: Tx, account_id: str) -> list[Token]:
    """Oldest first."""
    query = select(tokens).where(tokens.c.account_id == account_id).order_by(tokens.c.created_at)
    return [_token(row) for row in tx.execute(query).mappings()]


def revoke(tx: Tx, account_id: str, token_id: str, *, actor_id: str | None = None) -> bool:
    """It fails from the next request on; false when the account has no such token."""
    mine = (tokens.c.id == token_id, tokens.c.account_id == account_id)
    if tx.execute(delete(tokens).where(*mine)).rowcount == 0:
        return False
    _changed(tx, account_id, actor_id, token_id, "revoked")
    return True


def touch_due(token: Token, at: datetime) -> bool:
    """Whether the last use is worth noting; at most once a minute, to spare writes."""
    return token.last_used_at is None or at - token.last_used_at >= TOUCH_EVERY


def touch(tx: Tx, token: Token, at: datetime) -> None:
    """Note that it was used; no event, since nobody has to look."""
    older = or_(tokens.c.last_used_at.is_(None), tokens.c.last_used_at < at)
    tx.execute(update(tokens).where(tokens.c.id == token.id, older).values(last_used_at=at))


def _changed(tx: Tx, account_id: str, actor_id: str | None, token_id: str, change: str) -> None:
    detail = {"account": account_id, "token": token_id, "change": change}
    events.append(tx, EventKind.ACCOUNT_CHANGED, actor_id=actor_id, **detail)


def _token(row: Mapping[Any, Any]) -> Token:
    return Token(
        id=row["id"],
        account_id=row["account_id"],
        name=row["name"],
        role=TokenRole(row["role"]),
        grants=tuple(Grant.from_json(grant) for grant in row["grants"]),
        tail=row["tail"],
        created_at=row["created_at"],
        last_used_at=row.get("last_used_at"),
        expires_at=row["expires_at"],
    )
