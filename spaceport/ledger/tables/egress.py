"""What each Space may reach outside."""

from __future__ import annotations

from sqlalchemy import JSON, Column, Table

from spaceport.ledger.tables.base import metadata, space_key

egress = Table(
    "egress",
    metadata,
    space_key(primary_key=True),
    Column("policy", JSON, nullable=False),  # see spaceport.egress
)
