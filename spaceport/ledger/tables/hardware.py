"""Community grants, and who waits for hardware."""

from __future__ import annotations

from sqlalchemy import Column, Index, String, Table, Text

from spaceport.ledger.columns import UtcDateTime
from spaceport.ledger.tables.base import KEY, metadata, space_key

grants = Table(  # hardware at no charge: asked for by owners, decided by administrators (4.7)
    "grants",
    metadata,
    Column("id", KEY, primary_key=True),
    space_key(),
    Column("asked_by", KEY),
    Column("flavor", String(40), nullable=False),  # asked for; once granted, what was granted
    Column("reason", Text, nullable=False),
    Column("state", String(8), nullable=False),  # "asked", "granted", "declined", "ended"
    Column("answer", Text, nullable=False, default=""),
    Column("decided_by", KEY),
    Column("asked_at", UtcDateTime, nullable=False),
    Column("decided_at", UtcDateTime),
    Column("until", UtcDateTime),  # null: until somebody ends it
    Index("ix_grants_space_key", "space_key"),
    Index("ix_grants_state", "state"),
)

waiting = Table(  # for hardware: first come, first served
    "waiting",
    metadata,
    space_key(primary_key=True),
    Column("flavor", String(40), nullable=False),
    Column("since", UtcDateTime, nullable=False),
)
