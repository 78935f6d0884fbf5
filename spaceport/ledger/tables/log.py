"""The event log and how far its followers are."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Column, Index, String, Table, Text

from spaceport.ledger.columns import UtcDateTime
from spaceport.ledger.tables.base import KEY, SEQUENCE, metadata

events = Table(
    "events",
    metadata,
    Column("seq", SEQUENCE, primary_key=True, autoincrement=True),
    Column("at", UtcDateTime, nullable=False),
    Column("kind", String(40), nullable=False),
    Column("space_key", KEY),
    Column("actor_id", KEY),
    Column("detail", JSON, nullable=False, default=dict),
    Index("ix_events_space", "space_key", "seq"),
    sqlite_autoincrement=True,
)

cursors = Table(
    "cursors",
    metadata,
    Column("follower", String(80), primary_key=True),
    Column("seq", BigInteger, nullable=False),
)

dead_letters = Table(
    "dead_letters",
    metadata,
    Column("id", KEY, primary_key=True),
    Column("follower", String(80), nullable=False),
    Column("space_key", KEY),
    Column("seq", BigInteger, nullable=False),
    Column("error", Text, nullable=False),
    Column("at", UtcDateTime, nullable=False),
)
