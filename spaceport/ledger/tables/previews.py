"""What is remembered of branches without a preview. Previews themselves are rows of `spaces`."""

from __future__ import annotations

from sqlalchemy import Column, String, Table, Text

from spaceport.ledger.tables.base import metadata, space_key

passed_previews = Table(  # heads of refs that have no preview, and get none until they move
    "passed_previews",
    metadata,
    space_key(primary_key=True),
    Column("ref", Text, primary_key=True),
    Column("head", String(40), nullable=False),
)
