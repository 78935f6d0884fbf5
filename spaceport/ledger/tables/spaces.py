"""Spaces and what their owners set."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    ForeignKey,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from spaceport.ledger.columns import UtcDateTime
from spaceport.ledger.tables.base import KEY, metadata, space_key

spaces = Table(
    "spaces",
    metadata,
    Column("key", KEY, primary_key=True),
    Column("owner_id", KEY, ForeignKey("accounts.id"), nullable=False),
    Column("creator_id", KEY, nullable=False),
    Column("name", String(96), nullable=False),
    Column("name_lower", String(96), nullable=False),
    Column("host_label", String(63), nullable=False, unique=True),
    Column("visibility", String(16), nullable=False),  # "public", "protected", "private"
    Column("sdk", String(16), nullable=False),  # asked for at creation; the card may change it
    Column("head", String(40)),  # the revision of main that the ledger knows
    Column("card", JSON),  # of that revision; null when missing or not valid
    Column("wanted", String(8), nullable=False),
    Column("flavor", String(40), nullable=False),
    Column("sleep_seconds", Integer),  # null: what the flavor says; -1: never
    # Counters that name what the newest release must reflect:
    Column("settings_version", Integer, nullable=False, default=0),
    Column("restart_generation", Integer, nullable=False, default=0),
    Column("factory_generation", Integer, nullable=False, default=0),
    Column("rolled_back_from", String(40)),  # the head whose builds are not released any more
    Column("skipped_builds", Integer),  # those up to this number are not released by themselves
    Column("origin", JSON),  # what it is a copy of; see spaceport.ledger.origins
    Column("duplicable", Boolean),  # null: yes
    Column("parent_key", KEY, index=True),  # of a preview: the Space whose repository it reads
    Column("ref", Text),  # of a preview: the ref whose head it builds
    Column("used_at", UtcDateTime),  # the last push, wake or falling asleep
    Column("previews", Boolean),  # whether its branches get previews; null: yes
    Column("discussions", Boolean),  # whether it has discussions and pull requests; null: yes
    Column("budget_spent", String(7)),  # "2026-11": it sleeps until that month is over
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("deleted_at", UtcDateTime),
    UniqueConstraint("owner_id", "name_lower"),
)

variables = Table(
    "variables",
    metadata,
    space_key(primary_key=True),
    Column("name", String(255), primary_key=True),
    Column("value", Text, nullable=False),
    Column("description", Text),
    Column("updated_at", UtcDateTime, nullable=False),
)

secrets = Table(
    "secrets",
    metadata,
    space_key(primary_key=True),
    Column("name", String(255), primary_key=True),
    Column("version", Integer, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("description", Text),
    Column("updated_at", UtcDateTime, nullable=False),
)
