"""Every table. Statements stay valid on SQLite and PostgreSQL; changes need a migration."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from spaceport.ledger.columns import UtcDateTime

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


def _space_key(primary_key: bool = False) -> Column[str]:
    reference = ForeignKey("spaces.key", ondelete="CASCADE")
    return Column("space_key", KEY, reference, primary_key=primary_key, nullable=False)


accounts = Table(
    "accounts",
    metadata,
    Column("id", KEY, primary_key=True),
    Column("name", String(96), nullable=False),
    Column("name_lower", String(96), nullable=False, unique=True),
    Column("kind", String(8), nullable=False),  # "user" or "org"
    Column("full_name", String(200), nullable=False, default=""),
    Column("email", String(320)),
    Column("password_hash", String(200)),
    Column("is_admin", Boolean, nullable=False, default=False),
    Column("suspended_at", UtcDateTime),
    Column("created_at", UtcDateTime, nullable=False),
)

memberships = Table(
    "memberships",
    metadata,
    Column("org_id", KEY, ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True),
    Column("user_id", KEY, ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True),
    Column("role", String(16), nullable=False),
)

tokens = Table(
    "tokens",
    metadata,
    Column("id", KEY, primary_key=True),
    Column("account_id", KEY, ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False),
    Column("name", String(200), nullable=False),
    Column("role", String(16), nullable=False),  # "read", "write", "fine-grained"
    Column("grants", JSON, nullable=False, default=list),  # fine-grained: what it may touch
    Column("digest", String(64), nullable=False, unique=True),  # SHA-256 of the token
    Column("tail", String(4), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("last_used_at", UtcDateTime),
    Column("expires_at", UtcDateTime),
)

sessions = Table(
    "sessions",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("account_id", KEY, ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False),
    Column("csrf", String(64), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("seen_at", UtcDateTime, nullable=False),
)

invitations = Table(  # one-time links: the first administrator, new users, forgotten passwords
    "invitations",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("purpose", String(16), nullable=False),  # "admin", "user", "password"
    Column("account_id", KEY, ForeignKey("accounts.id", ondelete="CASCADE")),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
)

ssh_keys = Table(
    "ssh_keys",
    metadata,
    Column("id", KEY, primary_key=True),
    Column("account_id", KEY, ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False),
    Column("name", String(200), nullable=False),
    Column("public_key", Text, nullable=False),
    Column("fingerprint", String(64), nullable=False, unique=True),
    Column("created_at", UtcDateTime, nullable=False),
    Column("last_used_at", UtcDateTime),
)

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
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("deleted_at", UtcDateTime),
    UniqueConstraint("owner_id", "name_lower"),
)

variables = Table(
    "variables",
    metadata,
    _space_key(primary_key=True),
    Column("name", String(255), primary_key=True),
    Column("value", Text, nullable=False),
    Column("description", Text),
    Column("updated_at", UtcDateTime, nullable=False),
)

secrets = Table(
    "secrets",
    metadata,
    _space_key(primary_key=True),
    Column("name", String(255), primary_key=True),
    Column("version", Integer, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("description", Text),
    Column("updated_at", UtcDateTime, nullable=False),
)

pushes = Table(
    "pushes",
    metadata,
    Column("id", KEY, primary_key=True),
    _space_key(),
    Column("actor_id", KEY),
    Column("updates", JSON, nullable=False),  # [{"ref", "old", "new"}]
    Column("at", UtcDateTime, nullable=False),
)

builds = Table(
    "builds",
    metadata,
    Column("id", KEY, primary_key=True),
    _space_key(),
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
    _space_key(),
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
    _space_key(),
    Column("release_id", KEY, ForeignKey("releases.id", ondelete="CASCADE"), nullable=False),
    Column("state", String(16), nullable=False),
    Column("engine", String(16), nullable=False),
    Column("handle", String(128)),  # the engine's name of the container, once it is started
    Column("port", Integer, nullable=False),
    Column("placement", JSON, nullable=False, default=dict),
    Column("cause", String(40)),
    Column("detail", JSON, nullable=False, default=dict),
    Column("created_at", UtcDateTime, nullable=False),
    Column("ready_at", UtcDateTime),
    Column("gone_at", UtcDateTime),
    Index("ix_replicas_alive", "space_key", "state"),
)

events = Table(
    "events",
    metadata,
    Column("seq", SEQUENCE, primary_key=True, autoincrement=True),
    Column("at", UtcDateTime, nullable=False),
    Column("kind", String(40), nullable=False),
    Column("space_key", KEY),
    Column("actor_id", KEY),
    Column("detail", JSON, nullable=False, default=dict),
    Index("ix_events_space", "space_key", "seq"),
    sqlite_autoincrement=True,
)

cursors = Table(
    "cursors",
    metadata,
    Column("follower", String(80), primary_key=True),
    Column("seq", BigInteger, nullable=False),
)

dead_letters = Table(
    "dead_letters",
    metadata,
    Column("id", KEY, primary_key=True),
    Column("follower", String(80), nullable=False),
    Column("space_key", KEY),
    Column("seq", BigInteger, nullable=False),
    Column("error", Text, nullable=False),
    Column("at", UtcDateTime, nullable=False),
)

large_objects = Table(  # which Space holds which git-lfs object; earned by its bytes (LFS-04)
    "large_objects",
    metadata,
    _space_key(primary_key=True),
    Column("oid", String(64), primary_key=True),  # SHA-256 of the content
    Column("size", BigInteger, nullable=False),
    Column("blob_id", String(40)),  # what git would call the content, where we have computed it
    Column("actor_id", KEY),
    Column("created_at", UtcDateTime, nullable=False),
    Column("needed_at", UtcDateTime, nullable=False),  # uploaded, or named by a push, last then
    Index("ix_large_objects_oid", "oid"),
)

large_uploads = Table(  # bytes that are promised to uploads under way, so that a quota holds
    "large_uploads",
    metadata,
    _space_key(primary_key=True),
    Column("oid", String(64), primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
)

file_locks = Table(  # locks of git-lfs
    "file_locks",
    metadata,
    Column("id", KEY, primary_key=True),
    _space_key(),
    Column("path_digest", String(64), nullable=False),  # SHA-256: a path is too long for an index
    Column("path", Text, nullable=False),
    Column("owner_id", KEY, ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False),
    Column("locked_at", UtcDateTime, nullable=False),
    UniqueConstraint("space_key", "path_digest"),
)

facts = Table(  # the few values of the installation itself: its id, the sealing key's check
    "facts",
    metadata,
    Column("name", String(80), primary_key=True),
    Column("value", Text, nullable=False),
)

for _table, _columns in (
    (tokens, "account_id"),
    (sessions, "account_id"),
    (memberships, "user_id"),
    (ssh_keys, "account_id"),
    (builds, "space_key"),
    (releases, "space_key"),
    (pushes, "space_key"),
):
    Index(f"ix_{_table.name}_{_columns}", _table.c[_columns])
