"""Large files of git-lfs and their locks."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from spaceport.ledger.columns import UtcDateTime
from spaceport.ledger.tables.base import KEY, metadata, space_key

large_objects = Table(  # which Space holds which git-lfs object; earned by its bytes (LFS-04)
    "large_objects",
    metadata,
    space_key(primary_key=True),
    Column("oid", String(64), primary_key=True),  # SHA-256 of the content
    Column("size", BigInteger, nullable=False),
    Column("blob_id", String(40)),  # what git would call the content, where we have computed it
    Column("actor_id", KEY),
    Column("contributed", Boolean),  # by somebody who may not write here, and not merged yet
    Column("created_at", UtcDateTime, nullable=False),
    Column("needed_at", UtcDateTime, nullable=False),  # uploaded, or named by a push, last then
    Index("ix_large_objects_oid", "oid"),
    Index("ix_large_objects_actor", "actor_id"),
)

large_uploads = Table(  # bytes that are promised to uploads under way, so that a quota holds
    "large_uploads",
    metadata,
    space_key(primary_key=True),
    Column("oid", String(64), primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("contributor_id", KEY),  # whose room it takes, if they may not write here
    Column("expires_at", UtcDateTime, nullable=False),
)

file_locks = Table(  # locks of git-lfs
    "file_locks",
    metadata,
    Column("id", KEY, primary_key=True),
    space_key(),
    Column("path_digest", String(64), nullable=False),  # SHA-256: a path is too long for an index
    Column("path", Text, nullable=False),
    Column("owner_id", KEY, ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False),
    Column("locked_at", UtcDateTime, nullable=False),
    UniqueConstraint("space_key", "path_digest"),
)
