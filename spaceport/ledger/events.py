"""The event log: written in the transaction of the change, read from durable cursors.

An event says *look now*. What it carries is for people and audits; a follower reads the present
state and decides by that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import delete, func, insert, select, text, update

from spaceport.ledger.columns import now
from spaceport.ledger.database import Tx
from spaceport.ledger.tables import cursors, dead_letters, events
from spaceport.names import SpaceKey, new_key

_APPEND_LOCK = 0x53504143  # any number; all appenders of a PostgreSQL ledger share it


class EventKind(StrEnum):
    SPACE_CREATED = "space.created"
    SPACE_CHANGED = "space.changed"  # settings, visibility, hardware, variables, secrets
    SPACE_WANTED = "space.wanted"  # pause, restart, wake, sleep
    SPACE_DELETED = "space.deleted"
    HEAD_MOVED = "head.moved"  # a new revision of main
    REFS_MOVED = "refs.moved"  # any push
    DISCUSSION_CHANGED = "discussion.changed"  # also of a pull request
    BUILD_CHANGED = "build.changed"
    RELEASE_CHANGED = "release.changed"
    REPLICA_CHANGED = "replica.changed"
    ACCOUNT_CHANGED = "account.changed"  # tokens, keys, roles, sessions, suspension


@dataclass(frozen=True)
class Event:
    seq: int
    at: datetime
    kind: EventKind
    space_key: SpaceKey | None
    actor_id: str | None = None
    detail: dict[str, Any] = field(default_factory=dict)


def append(
    tx: Tx,
    kind: EventKind,
    space_key: SpaceKey | None = None,
    *,
    actor_id: str | None = None,
    **detail: Any,
) -> int:
    """Write an event into this transaction; return its number."""
    if tx.dialect.name == "postgresql":
        # Numbers must become visible in order, or a cursor could step over one.
        tx.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _APPEND_LOCK})
    row = {
        "at": now(),
        "kind": kind.value,
        "space_key": space_key,
        "actor_id": actor_id,
        "detail": detail,
    }
    written = tx.execute(insert(events).values(row).returning(events.c.seq))
    return int(written.scalar_one())


def after(tx: Tx, seq: int, limit: int = 500) -> list[Event]:
    """Events with a number above `seq`, in order."""
    query = select(events).where(events.c.seq > seq).order_by(events.c.seq).limit(limit)
    return [_event(row) for row in tx.execute(query).mappings()]


def of_space(tx: Tx, key: SpaceKey, limit: int = 100) -> list[Event]:
    """The newest events of a Space, newest first."""
    query = select(events).where(events.c.space_key == key).order_by(events.c.seq.desc())
    return [_event(row) for row in tx.execute(query.limit(limit)).mappings()]


def last_seq(tx: Tx) -> int:
    return int(tx.execute(select(func.coalesce(func.max(events.c.seq), 0))).scalar_one())


def cursor(tx: Tx, follower: str) -> int | None:
    """How far `follower` has read, or None when it has never been here."""
    found = tx.execute(select(cursors.c.seq).where(cursors.c.follower == follower)).scalar()
    return None if found is None else int(found)


def move_cursor(tx: Tx, follower: str, seq: int) -> None:
    """Note that `follower` has dealt with everything up to `seq`."""
    moved = tx.execute(update(cursors).where(cursors.c.follower == follower).values(seq=seq))
    if moved.rowcount == 0:
        tx.execute(insert(cursors).values(follower=follower, seq=seq))


def bury(tx: Tx, follower: str, seq: int, space_key: SpaceKey | None, error: str) -> None:
    """Set an event aside that could not be dealt with; an operator finds it in `doctor`."""
    tx.execute(
        insert(dead_letters).values(
            id=new_key(),
            follower=follower,
            seq=seq,
            space_key=space_key,
            error=error[:4000],
            at=now(),
        )
    )


def buried(tx: Tx) -> Sequence[dict[str, Any]]:
    """All dead letters, oldest first."""
    query = select(dead_letters).order_by(dead_letters.c.at)
    return [dict(row) for row in tx.execute(query).mappings()]


def forget_before(tx: Tx, seq: int) -> int:
    """Drop events that every cursor has passed and `seq` too; return how many."""
    passed = tx.execute(select(func.min(cursors.c.seq))).scalar()
    limit = seq if passed is None else min(seq, int(passed))
    return int(tx.execute(delete(events).where(events.c.seq <= limit)).rowcount)


def _event(row: Any) -> Event:
    return Event(
        seq=row["seq"],
        at=row["at"],
        kind=EventKind(row["kind"]),
        space_key=row["space_key"],
        actor_id=row["actor_id"],
        detail=row["detail"],
    )
