"""What pushes led to: builds, releases, replicas."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from spaceport.ledger.columns import UtcDateTime
from spaceport.ledger.tables.base import KEY, metadata, space_key

pushes = Table(
    "pushes",
    metadata,
    Column("id", KEY, primary_key=True),
    space_key(),
    Column("actor_id", KEY),
    Column("updates", JSON, nullable=False),  # [{"ref", "old", "new"}]
    Column("at", UtcDateTime, nullable=False),
)

builds = Table(
    "builds",
    metadata,
    Column("id", KEY, primary_key=True),
    space_key(),
    Column("number", Integer, nullable=False),  # 1, 2, 3 ... within the Space
    Column("revision", String(40), nullable=False),
    Column("factory_generation", Integer, nullable=False),
    Column("inputs", String(64), nullable=False, default=""),  # hash of what else it depends on
    Column("state", String(16), nullable=False),
    Column("cause", String(40)),
    Column("detail", JSON, nullable=False, default=dict),
    Column("plan", JSON, nullable=False, default=dict),
    Column("artifact", JSON),  # what the runtime starts; see spaceport.artifact
    Column("lock", Text, nullable=False, default=""),  # the resolved requirements
    Column("queued_at", UtcDateTime, nullable=False),
    Column("started_at", UtcDateTime),
    Column("ended_at", UtcDateTime),
    UniqueConstraint("space_key", "number"),
    Index("ix_builds_open", "state"),
)

releases = Table(
    "releases",
    metadata,
    Column("id", KEY, primary_key=True),
    space_key(),
    Column("number", Integer, nullable=False),
    Column("build_id", KEY, ForeignKey("builds.id", ondelete="CASCADE"), nullable=False),
    Column("revision", String(40), nullable=False),
    Column("artifact", JSON, nullable=False),
    Column("card", JSON, nullable=False),
    Column("variables", JSON, nullable=False),
    Column("secret_versions", JSON, nullable=False),
    Column("flavor", String(40), nullable=False),
    Column("settings_version", Integer, nullable=False),
    Column("restart_generation", Integer, nullable=False),
    Column("state", String(16), nullable=False),
    Column("cause", String(40)),
    Column("detail", JSON, nullable=False, default=dict),
    Column("crashes", Integer, nullable=False, default=0),
    Column("rollback_of", Integer),  # the number of the release that it brings back
    Column("created_at", UtcDateTime, nullable=False),
    Column("live_at", UtcDateTime),
    Column("dropped_at", UtcDateTime),  # since then its files or image may be gone
    UniqueConstraint("space_key", "number"),
)

replicas = Table(
    "replicas",
    metadata,
    Column("id", KEY, primary_key=True),
    space_key(),
    Column("release_id", KEY, ForeignKey("releases.id", ondelete="CASCADE"), nullable=False),
    Column("state", String(16), nullable=False),
    Column("engine", String(16), nullable=False),
    Column("handle", String(128)),  # the engine's name of the container, once it is started
    Column("port", Integer, nullable=False),
    Column("placement", JSON, nullable=False, default=dict),
    Column("price", BigInteger),  # micro-dollars an hour while it serves; null: nothing
    Column("cause", String(40)),
    Column("detail", JSON, nullable=False, default=dict),
    Column("created_at", UtcDateTime, nullable=False),
    Column("ready_at", UtcDateTime),
    Column("gone_at", UtcDateTime),
    Index("ix_replicas_alive", "space_key", "state"),
)

Index("ix_builds_space_key", builds.c.space_key)
Index("ix_releases_space_key", releases.c.space_key)
Index("ix_pushes_space_key", pushes.c.space_key)
