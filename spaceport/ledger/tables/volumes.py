"""Persistent disks, and what a Space mounts."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
)

from spaceport.ledger.columns import UtcDateTime
from spaceport.ledger.tables.base import KEY, metadata, space_key

disks = Table(  # a Space's storage at /data, or a bucket; the row stays until the files are gone
    "disks",
    metadata,
    Column("id", KEY, primary_key=True),
    Column("owner_id", KEY, ForeignKey("accounts.id"), nullable=False),
    Column("space_key", KEY, ForeignKey("spaces.key", ondelete="CASCADE")),  # null: a bucket
    Column("name", String(96)),  # of a bucket
    Column("tier", String(40), nullable=False),
    Column("size", BigInteger, nullable=False),  # bytes
    Column("created_at", UtcDateTime, nullable=False),
    Column("deleted_at", UtcDateTime),  # since then nobody may mount it
    Index("ix_disks_space_key", "space_key"),
    Index("ix_disks_owner_id", "owner_id"),
)

volumes = Table(  # what a Space mounts besides its storage
    "volumes",
    metadata,
    space_key(primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("kind", String(16), nullable=False),  # "space" or "bucket"
    Column("source", String(200), nullable=False),  # as it was asked for
    Column("source_key", KEY, nullable=False),  # the Space's key, or the disk's id
    Column("mount_path", String(255), nullable=False),
    Column("revision", String(255)),
    Column("path", Text),  # a folder within the source
    Column("read_only", Boolean, nullable=False),
    Column("added_by", KEY),  # whose right to read the source counts; null: the operator
)
