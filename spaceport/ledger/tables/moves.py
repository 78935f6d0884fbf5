"""Names that Spaces had before they were renamed or moved."""

from __future__ import annotations

from sqlalchemy import Column, String, Table

from spaceport.ledger.columns import UtcDateTime
from spaceport.ledger.tables.base import metadata, space_key

former_ids = Table(
    "former_ids",
    metadata,
    Column("author_lower", String(96), primary_key=True),
    Column("name_lower", String(96), primary_key=True),
    space_key(),  # the Space that had it, and that still answers to it
    Column("host_label", String(63), unique=True),  # null: another Space has taken the label
    Column("left_at", UtcDateTime, nullable=False),
)
