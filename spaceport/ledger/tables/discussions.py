"""Discussions and pull requests of Spaces, and what was said and done in them."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    String,
    Table,
    Text,
)

from spaceport.ledger.columns import UtcDateTime
from spaceport.ledger.tables.base import KEY, SEQUENCE, metadata, space_key

discussions = Table(
    "discussions",
    metadata,
    space_key(primary_key=True),
    Column("number", Integer, primary_key=True),  # 1, 2, 3 ... of both kinds within the Space
    Column("title", Text, nullable=False),
    Column("status", String(8), nullable=False),  # "draft", "open", "closed", "merged"
    Column("author_id", KEY, nullable=False),
    Column("pull_request", Boolean, nullable=False),
    Column("base", Text),  # of a pull request: the branch into which it is to be merged
    Column("head", String(40)),  # where its ref was when last looked at
    Column("trusted_head", String(40)),  # which head somebody vouches for who may write
    Column("merge_commit", String(40)),
    Column("pinned", Boolean, nullable=False),
    Column("locked", Boolean, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Index("ix_discussions_author", "author_id", "status"),
)

discussion_entries = Table(
    "discussion_entries",
    metadata,
    Column("seq", SEQUENCE, primary_key=True, autoincrement=True),
    Column("id", KEY, nullable=False, unique=True),
    Column("space_key", KEY, nullable=False),
    Column("number", Integer, nullable=False),
    Column("kind", String(16), nullable=False),  # see spaceport.ledger.discussion_entries
    Column("author_id", KEY),
    Column("at", UtcDateTime, nullable=False),
    Column("text", Text),  # of a comment as it is now; null once it is hidden
    Column("detail", JSON, nullable=False, default=dict),
    ForeignKeyConstraint(
        ["space_key", "number"],
        ["discussions.space_key", "discussions.number"],
        ondelete="CASCADE",
        name="fk_discussion_entries_discussion",
    ),
    Index("ix_discussion_entries_of", "space_key", "number", "seq"),
    Index("ix_discussion_entries_author", "author_id", "at"),
    sqlite_autoincrement=True,
)
