"""Pushes in the ledger: who moved which refs, when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select

from spaceport.ledger import events
from spaceport.ledger.columns import now
from spaceport.ledger.database import Tx
from spaceport.ledger.events import EventKind
from spaceport.ledger.tables import pushes
from spaceport.names import SpaceKey, new_key
from spaceport.push import Push, RefUpdate


@dataclass(frozen=True)
class PushRecord:
    id: str
    space_key: SpaceKey
    actor_id: str | None
    updates: tuple[RefUpdate, ...]
    at: datetime


def record(tx: Tx, push: Push) -> str:
    """Note a push with its event (`REFS_MOVED`); give its id."""
    id = new_key()
    row = {
        "id": id,
        "space_key": push.space,
        "actor_id": push.actor_id,
        "updates": [asdict(update) for update in push.updates],
        "at": push.at or now(),
    }
    tx.execute(insert(pushes).values(row))
    refs = [update.ref for update in push.updates[:20]]
    events.append(tx, EventKind.REFS_MOVED, push.space, actor_id=push.actor_id, push=id, refs=refs)
    return id


def of_space(tx: Tx, key: SpaceKey, limit: int = 50) -> Sequence[PushRecord]:
    """The newest pushes of a Space, newest first."""
    query = select(pushes).where(pushes.c.space_key == key).order_by(pushes.c.at.desc())
    return [_record(row) for row in tx.execute(query.limit(limit)).mappings()]


def _record(row: Any) -> PushRecord:
    return PushRecord(
        id=row["id"],
        space_key=row["space_key"],
        actor_id=row["actor_id"],
        updates=tuple(RefUpdate(**update) for update in row["updates"]),
        at=row["at"],
    )
