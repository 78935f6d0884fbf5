"""How much a discussion holds, so that no page and no answer of the API grows without an end."""

from __future__ import annotations

from sqlalchemy import Text, cast, func, select

from spaceport.errors import Conflict
from spaceport.ledger import discussion_entries
from spaceport.ledger.database import Tx
from spaceport.ledger.tables import discussion_entries as rows
from spaceport.names import SpaceKey

MOST_BYTES = 4 * 1024 * 1024
"""Of one discussion: its comments, and what they said before they were edited."""


def check_room(tx: Tx, key: SpaceKey, number: int, text: str) -> None:
    """Raise `Conflict` when this discussion cannot hold another text."""
    held = func.coalesce(func.length(rows.c.text), 0) + func.length(cast(rows.c.detail, Text))
    query = select(func.coalesce(func.sum(held), 0))
    query = query.where(rows.c.space_key == key, rows.c.number == number)
    if int(tx.execute(query).scalar_one()) + len(text) > MOST_BYTES:
        raise Conflict(
            f"This discussion holds {MOST_BYTES >> 20} MiB of text, as much as one may.",
            hint="Open another one.",
        )


def check_entries(tx: Tx, key: SpaceKey, number: int) -> None:
    """Raise `Conflict` when it has so many entries that nobody may change it back and forth.

    It can still be closed, and what was closed is not opened again.
    """
    query = select(func.count()).select_from(rows)
    query = query.where(rows.c.space_key == key, rows.c.number == number)
    if int(tx.execute(query).scalar_one()) >= discussion_entries.MOST_ENTRIES:
        raise Conflict(
            f"This discussion has {discussion_entries.MOST_ENTRIES} entries, as many as one may.",
            hint="Open another one.",
        )
