"""Community grants: an owner asks for hardware, an administrator decides (spaces-behaviour 4.7)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import insert, or_, select, update

from spaceport.errors import Conflict, Invalid, NotFound
from spaceport.ledger import events, spaces
from spaceport.ledger.columns import now
from spaceport.ledger.database import Tx
from spaceport.ledger.events import EventKind
from spaceport.ledger.tables import grants
from spaceport.names import SpaceKey, new_key

MAX_REASON = 4000


class GrantState(StrEnum):
    ASKED = "asked"
    GRANTED = "granted"
    DECLINED = "declined"
    ENDED = "ended"


@dataclass(frozen=True)
class Grant:
    """`flavor` is what was asked for and, once granted, what was granted. `until` None: open."""

    id: str
    space_key: SpaceKey
    asked_by: str | None
    flavor: str
    reason: str
    state: GrantState
    answer: str
    asked_at: datetime
    decided_at: datetime | None
    until: datetime | None


def ask(tx: Tx, key: SpaceKey, flavor: str, reason: str, *, actor_id: str | None = None) -> Grant:
    """One request at a time. Raises `Invalid` without a reason, `Conflict` for a second one."""
    if not reason.strip() or len(reason) > MAX_REASON:
        raise Invalid(f"Say in 1 to {MAX_REASON} characters what the hardware is for.")
    if any(one.state is GrantState.ASKED for one in of_space(tx, key)):
        raise Conflict("This Space has asked already; an administrator has not decided yet.")
    grant_id = new_key()
    tx.execute(
        insert(grants).values(
            id=grant_id,
            space_key=key,
            asked_by=actor_id,
            flavor=flavor,
            reason=reason.strip(),
            state=GrantState.ASKED.value,
            answer="",
            asked_at=now(),
        )
    )
    events.append(tx, EventKind.SPACE_CHANGED, key, actor_id=actor_id, grant="asked")
    return get(tx, grant_id)


def approve(
    tx: Tx,
    grant: Grant,
    flavor: str,
    until: datetime | None = None,
    answer: str = "",
    *,
    actor_id: str | None = None,
) -> None:
    """Grant `flavor`, at no charge, from now on: the Space restarts on it. Raises `Conflict`."""
    if until is not None and until <= now():
        raise Invalid("A grant ends in the future, or is left open.")
    for other in of_space(tx, grant.space_key):
        if other.state is GrantState.GRANTED:
            _move(tx, other, GrantState.GRANTED, GrantState.ENDED, actor_id)
    values = {"flavor": flavor, "until": until, "answer": answer}
    _move(tx, grant, GrantState.ASKED, GrantState.GRANTED, actor_id, **values)
    spaces.set_flavor(tx, grant.space_key, flavor, actor_id=actor_id)


def decline(tx: Tx, grant: Grant, answer: str = "", *, actor_id: str | None = None) -> None:
    _move(tx, grant, GrantState.ASKED, GrantState.DECLINED, actor_id, answer=answer)


def end(tx: Tx, grant: Grant, fallback: str, *, actor_id: str | None = None) -> None:
    """Take it back: the Space restarts on `fallback`, if it still has what was granted."""
    _move(tx, grant, GrantState.GRANTED, GrantState.ENDED, actor_id)
    if spaces.get(tx, grant.space_key).flavor == grant.flavor:
        spaces.set_flavor(tx, grant.space_key, fallback, actor_id=actor_id)


def end_overdue(tx: Tx, fallback: str) -> None:
    """End all whose time is over; level triggered, for a sweep."""
    over = (grants.c.state == GrantState.GRANTED.value, grants.c.until <= now())
    for row in list(tx.execute(select(grants).where(*over)).mappings()):
        end(tx, _grant(row), fallback)


def in_force(tx: Tx, key: SpaceKey) -> Grant | None:
    """What is granted to the Space now."""
    query = select(grants).where(
        grants.c.space_key == key,
        grants.c.state == GrantState.GRANTED.value,
        or_(grants.c.until.is_(None), grants.c.until > now()),
    )
    row = tx.execute(query).mappings().first()
    return None if row is None else _grant(row)


def get(tx: Tx, grant_id: str) -> Grant:
    """Raises `NotFound`."""
    row = tx.execute(select(grants).where(grants.c.id == grant_id)).mappings().first()
    if row is None:
        raise NotFound("There is no such request.")
    return _grant(row)


def of_space(tx: Tx, key: SpaceKey) -> list[Grant]:
    """The latest first."""
    query = select(grants).where(grants.c.space_key == key).order_by(grants.c.asked_at.desc())
    return [_grant(row) for row in tx.execute(query).mappings()]


def listed(tx: Tx, *states: GrantState) -> Sequence[Grant]:
    """All in these states, the oldest first."""
    query = select(grants).where(grants.c.state.in_([state.value for state in states]))
    return [_grant(row) for row in tx.execute(query.order_by(grants.c.asked_at)).mappings()]


def _move(
    tx: Tx,
    grant: Grant,
    before: GrantState,
    after: GrantState,
    actor_id: str | None,
    **values: Any,
) -> None:
    here = (grants.c.id == grant.id, grants.c.state == before.value)
    values |= {"state": after.value, "decided_at": now(), "decided_by": actor_id}
    if tx.execute(update(grants).where(*here).values(values)).rowcount == 0:
        raise Conflict(f"This request is not {before.value} any more.")
    key = grant.space_key
    events.append(tx, EventKind.SPACE_CHANGED, key, actor_id=actor_id, grant=after.value)


def _grant(row: Any) -> Grant:
    return Grant(
        id=row["id"],
        space_key=row["space_key"],
        asked_by=row["asked_by"],
        flavor=row["flavor"],
        reason=row["reason"],
        state=GrantState(row["state"]),
        answer=row["answer"],
        asked_at=row["asked_at"],
        decided_at=row["decided_at"],
        until=row["until"],
    )
