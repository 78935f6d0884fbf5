"""Metering: which stretches of time a Space occupied a flavour, kept storage, or slept.

Stretches are opened and closed in the transactions that move replicas and Spaces, so that a crash
loses none. Of one Space at most one stretch of each kind is open: while a new version starts beside
the old one, the old one's goes on; the new one's begins when it takes the requests. So each second
counts once (RUN-14), also during a swap. A start that never answered is free (4.6.5).

Times never go backwards within a Space: a stretch begins no earlier than the last one ended, and
ends no earlier than it began, whatever the clock does.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, func, insert, or_, select, update

from spaceport.ledger.columns import now
from spaceport.ledger.database import Tx
from spaceport.ledger.tables import accounts, spaces, usage
from spaceport.names import SpaceKey, new_key

MICRO = 1_000_000  # micro-dollars in a dollar


class Kind(StrEnum):
    HARDWARE = "hardware"
    STORAGE = "storage"
    ASLEEP = "asleep"  # what sleeping saved: never charged


@dataclass(frozen=True)
class Stretch:
    """`price`: micro-dollars an hour, of storage a month. `ended_at` None: it goes on."""

    space_key: SpaceKey
    space_id: str
    owner_id: str
    kind: Kind
    slug: str
    price: int
    started_at: datetime
    answered_at: datetime | None
    ended_at: datetime | None

    @property
    def counts(self) -> bool:
        """False for a start that has not answered, or never did."""
        return self.kind is not Kind.HARDWARE or self.answered_at is not None


def begin(
    tx: Tx, key: SpaceKey, kind: Kind, slug: str, price: int, replica_id: str | None = None
) -> None:
    """Open a stretch for the Space's present owner; whatever is open of this kind ends."""
    end(tx, key, kind)
    joined = spaces.join(accounts, accounts.c.id == spaces.c.owner_id)
    named = (accounts.c.name + "/" + spaces.c.name).label("id")
    query = select(named, spaces.c.owner_id).select_from(joined).where(spaces.c.key == key)
    row = tx.execute(query).mappings().one()
    tx.execute(
        insert(usage).values(
            id=new_key(),
            space_key=key,
            space_id=row["id"],
            owner_id=row["owner_id"],
            kind=kind.value,
            slug=slug,
            price=price,
            replica_id=replica_id,
            started_at=_at(tx, key, kind),
        )
    )


def end(tx: Tx, key: SpaceKey, kind: Kind, replica_id: str | None = None) -> None:
    """Close what is open of this kind, or only the stretch of that replica."""
    mine = _open(key, kind)
    if replica_id is not None:
        mine = (*mine, usage.c.replica_id == replica_id)
    for row in tx.execute(select(usage.c.id, usage.c.started_at).where(*mine)).mappings():
        closed = max(now(), row["started_at"])
        tx.execute(update(usage).where(usage.c.id == row["id"]).values(ended_at=closed))


def end_all(tx: Tx, key: SpaceKey) -> None:
    """The Space is deleted."""
    for kind in Kind:
        end(tx, key, kind)


def replica_started(tx: Tx, key: SpaceKey, replica_id: str, flavor: str, price: int) -> None:
    """Its container runs. Billed from now if no other replica of the Space is."""
    if not _any_open(tx, key, Kind.HARDWARE):
        begin(tx, key, Kind.HARDWARE, flavor, price, replica_id)


def replica_answered(tx: Tx, key: SpaceKey, replica_id: str, flavor: str, price: int) -> None:
    """It takes the requests: from now on the Space is billed for it, and for no other."""
    mine = (*_open(key, Kind.HARDWARE), usage.c.replica_id == replica_id)
    if tx.execute(select(usage.c.id).where(*mine)).first() is None:
        begin(tx, key, Kind.HARDWARE, flavor, price, replica_id)
    unanswered = (*mine, usage.c.answered_at.is_(None))
    tx.execute(update(usage).where(*unanswered).values(answered_at=now()))


def replica_left(tx: Tx, key: SpaceKey, replica_id: str) -> None:
    """It takes no requests any more, or ended."""
    end(tx, key, Kind.HARDWARE, replica_id)


def fell_asleep(tx: Tx, key: SpaceKey, flavor: str) -> None:
    """What it saves from now on is what the hardware cost last, if that is still chosen."""
    query = select(usage.c.slug, usage.c.price).where(
        usage.c.space_key == key, usage.c.kind == Kind.HARDWARE.value
    )
    row = tx.execute(query.order_by(usage.c.started_at.desc()).limit(1)).mappings().first()
    price = row["price"] if row is not None and row["slug"] == flavor else 0
    begin(tx, key, Kind.ASLEEP, flavor, price)


def woke(tx: Tx, key: SpaceKey) -> None:
    end(tx, key, Kind.ASLEEP)


def of_owner(tx: Tx, owner_id: str, since: datetime, until: datetime) -> list[Stretch]:
    """All that touch the time between the two, oldest first."""
    return _between(tx, usage.c.owner_id == owner_id, since, until)


def of_space(tx: Tx, key: SpaceKey, since: datetime, until: datetime) -> list[Stretch]:
    return _between(tx, usage.c.space_key == key, since, until)


def owners(tx: Tx, since: datetime, until: datetime) -> list[str]:
    """Everybody with a stretch in that time."""
    touching = (usage.c.started_at < until, _not_over(since))
    return list(tx.execute(select(usage.c.owner_id).where(*touching).distinct()).scalars())


def _between(tx: Tx, whose: ColumnElement[bool], since: datetime, until: datetime) -> list[Stretch]:
    query = select(usage).where(whose, usage.c.started_at < until, _not_over(since))
    found = tx.execute(query.order_by(usage.c.started_at, usage.c.id)).mappings()
    return [_stretch(row) for row in found]


def _not_over(since: datetime) -> ColumnElement[bool]:
    return or_(usage.c.ended_at.is_(None), usage.c.ended_at > since)


def _open(key: SpaceKey, kind: Kind) -> tuple[ColumnElement[bool], ...]:
    return (usage.c.space_key == key, usage.c.kind == kind.value, usage.c.ended_at.is_(None))


def _any_open(tx: Tx, key: SpaceKey, kind: Kind) -> bool:
    return tx.execute(select(usage.c.id).where(*_open(key, kind)).limit(1)).first() is not None


def _at(tx: Tx, key: SpaceKey, kind: Kind) -> datetime:
    """Now, but not before the last stretch of this kind ended."""
    query = select(func.max(usage.c.ended_at)).where(
        usage.c.space_key == key, usage.c.kind == kind.value
    )
    last = tx.execute(query).scalar()
    return max(now(), last) if last is not None else now()


def _stretch(row: Any) -> Stretch:
    return Stretch(
        space_key=row["space_key"],
        space_id=row["space_id"],
        owner_id=row["owner_id"],
        kind=Kind(row["kind"]),
        slug=row["slug"],
        price=row["price"],
        started_at=row["started_at"],
        answered_at=row["answered_at"],
        ended_at=row["ended_at"],
    )
