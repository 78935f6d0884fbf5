"""Ids that Spaces had before a rename or a move: old addresses lead to the new ones (13.1.4).

For a while nobody else may take such an id, so that a push meant for the old Space never reaches
a newcomer's (API-31); whoever administers the Space that had it may free it at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, delete, insert, select, update

from spaceport.errors import Conflict
from spaceport.ledger import events
from spaceport.ledger.columns import now
from spaceport.ledger.database import Tx
from spaceport.ledger.events import EventKind
from spaceport.ledger.tables import former_ids, spaces
from spaceport.names import SpaceId, SpaceKey, host_label

HOLD = timedelta(days=30)
"""After that whoever wants the id may have it; until somebody does, it still redirects."""


@dataclass(frozen=True)
class FormerId:
    """`author` and `name` are in lower case; `label` None: another Space has the host now."""

    author: str
    name: str
    space_key: SpaceKey
    label: str | None
    left_at: datetime

    def __str__(self) -> str:
        return f"{self.author}/{self.name}"

    @property
    def held_until(self) -> datetime:
        return self.left_at + HOLD


def holder(tx: Tx, space_id: SpaceId) -> SpaceKey | None:
    """The Space that was called so last, if nobody is called so now."""
    return tx.execute(select(former_ids.c.space_key).where(*_called(space_id))).scalar()


def holder_of_label(tx: Tx, label: str) -> SpaceKey | None:
    """The Space that was served at this host label last."""
    query = select(former_ids.c.space_key).where(former_ids.c.host_label == label)
    return tx.execute(query).scalar()


def of_space(tx: Tx, key: SpaceKey) -> list[FormerId]:
    """All that lead to this Space, the latest first."""
    query = select(former_ids).where(former_ids.c.space_key == key)
    return [
        _former(row) for row in tx.execute(query.order_by(former_ids.c.left_at.desc())).mappings()
    ]


def leave(tx: Tx, key: SpaceKey, space_id: SpaceId, label: str | None) -> None:
    """Note that the Space is not called so any more."""
    tx.execute(
        insert(former_ids).values(
            author_lower=space_id.author.lower(),
            name_lower=space_id.name.lower(),
            space_key=key,
            host_label=label,
            left_at=now(),
        )
    )


def take(tx: Tx, key: SpaceKey, space_id: SpaceId) -> None:
    """Let `key` be called so: from now on the id leads nowhere else.

    Raises `Conflict` while it is held for another Space.
    """
    row = tx.execute(select(former_ids).where(*_called(space_id))).mappings().first()
    if row is None:
        return
    former = _former(row)
    if former.space_key != key and former.held_until > now():
        raise Conflict(
            f"{space_id} is the former name of another Space: what is sent there still goes to it, "
            f"until {former.held_until:%Y-%m-%d}.",
            hint="Choose another name, or free this one in the settings of the Space that had it.",
        )
    tx.execute(delete(former_ids).where(*_called(space_id)))


def take_label(tx: Tx, key: SpaceKey, label: str) -> bool:
    """Whether `key` may be served at this label; then it leads nowhere else from now on."""
    used = select(spaces.c.key).where(spaces.c.host_label == label, spaces.c.key != key)
    if tx.execute(used).first() is not None:
        return False
    here = former_ids.c.host_label == label
    row = tx.execute(select(former_ids).where(here)).mappings().first()
    if row is None:
        return True
    former = _former(row)
    if former.space_key != key and former.held_until > now():
        return False
    tx.execute(update(former_ids).where(here).values(host_label=None))
    events.append(tx, EventKind.SPACE_CHANGED, former.space_key, host_taken=label)
    return True


def label_for(tx: Tx, key: SpaceKey, space_id: SpaceId) -> str:
    """The host label that a Space of this id gets: the plain one, if nobody has it (13.1.3)."""
    plain = take_label(tx, key, host_label(space_id, key))
    return host_label(space_id, key, taken=not plain)


def free(tx: Tx, key: SpaceKey, space_id: SpaceId, *, actor_id: str | None = None) -> bool:
    """Give an id up before its time; false when it is none of this Space's."""
    own = (*_called(space_id), former_ids.c.space_key == key)
    if not tx.execute(delete(former_ids).where(*own)).rowcount:
        return False
    events.append(tx, EventKind.SPACE_CHANGED, key, actor_id=actor_id, freed=str(space_id))
    return True


def forget(tx: Tx, key: SpaceKey) -> None:
    """Give all of a Space's up: it is deleted."""
    tx.execute(delete(former_ids).where(former_ids.c.space_key == key))


def _called(space_id: SpaceId) -> tuple[ColumnElement[bool], ...]:
    return (
        former_ids.c.author_lower == space_id.author.lower(),
        former_ids.c.name_lower == space_id.name.lower(),
    )


def _former(row: Any) -> FormerId:
    return FormerId(
        author=row["author_lower"],
        name=row["name_lower"],
        space_key=row["space_key"],
        label=row["host_label"],
        left_at=row["left_at"],
    )
