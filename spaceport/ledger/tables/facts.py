"""The installation itself."""

from __future__ import annotations

from sqlalchemy import Column, String, Table, Text

from spaceport.ledger.tables.base import metadata

facts = Table(  # the few values of the installation itself: its id, the sealing key's check
    "facts",
    metadata,
    Column("name", String(80), primary_key=True),
    Column("value", Text, nullable=False),
)
