"""Who waits for hardware, in the order in which they began to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, insert, select, update

from spaceport.ledger.columns import now
from spaceport.ledger.database import Tx
from spaceport.ledger.tables import spaces, waiting
from spaceport.names import SpaceKey
from spaceport.stage import Wanted


@dataclass(frozen=True)
class Waiting:
    space_key: SpaceKey
    flavor: str
    since: datetime


def listed(tx: Tx) -> list[Waiting]:
    """The longest first; whoever does not want to run any more does not wait."""
    query = (
        select(waiting)
        .select_from(waiting.join(spaces, spaces.c.key == waiting.c.space_key))
        .where(spaces.c.wanted == Wanted.RUNNING.value, spaces.c.deleted_at.is_(None))
        .order_by(waiting.c.since, waiting.c.space_key)
    )
    return [
        Waiting(row["space_key"], row["flavor"], row["since"])
        for row in tx.execute(query).mappings()
    ]


def enter(tx: Tx, key: SpaceKey, flavor: str) -> None:
    """Wait, from now on; one that waits already keeps its place, also for other hardware."""
    here = waiting.c.space_key == key
    if not tx.execute(update(waiting).where(here).values(flavor=flavor)).rowcount:
        tx.execute(insert(waiting).values(space_key=key, flavor=flavor, since=now()))


def leave(tx: Tx, key: SpaceKey) -> float | None:
    """It was placed, or does not want to be; for how many seconds it waited, if it did."""
    here = waiting.c.space_key == key
    since = tx.execute(select(waiting.c.since).where(here)).scalar()
    tx.execute(delete(waiting).where(here))
    return None if since is None else (now() - since).total_seconds()
