"""What all tables share."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Integer, MetaData, String

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

KEY = String(24)
SEQUENCE = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts only INTEGER keys up


def space_key(primary_key: bool = False) -> Column[str]:
    """The column that ties a row to its Space, and ends with it."""
    reference = ForeignKey("spaces.key", ondelete="CASCADE")
    return Column("space_key", KEY, reference, primary_key=primary_key, nullable=False)
