"""What was used, at which price, and what an owner wants to spend at most."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, String, Table

from spaceport.ledger.columns import UtcDateTime
from spaceport.ledger.tables.base import KEY, metadata

usage = Table(  # no reference to Spaces and accounts: a bill outlives them
    "usage",
    metadata,
    Column("id", KEY, primary_key=True),
    Column("space_key", KEY, nullable=False),
    Column("space_id", String(200), nullable=False),  # what it was called then
    Column("owner_id", KEY, nullable=False),
    Column("kind", String(8), nullable=False),  # "hardware", "storage", "asleep"
    Column("slug", String(40), nullable=False),  # the flavour, or the storage tier
    Column("price", BigInteger, nullable=False),  # micro-dollars an hour, or a month (storage)
    Column("replica_id", KEY),
    Column("started_at", UtcDateTime, nullable=False),
    Column("answered_at", UtcDateTime),  # hardware: a start that never answered is free
    Column("ended_at", UtcDateTime),  # null: it goes on
    Index("ix_usage_owner_id", "owner_id", "started_at"),
    Index("ix_usage_space_key", "space_key", "ended_at"),
)

budgets = Table(
    "budgets",
    metadata,
    Column("account_id", KEY, ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True),
    Column("monthly", BigInteger, nullable=False),  # micro-dollars
)
