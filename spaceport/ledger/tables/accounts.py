"""Who exists, and by what they prove it."""

from __future__ import annotations

from sqlalchemy import JSON, Boolean, Column, ForeignKey, Index, String, Table, Text

from spaceport.ledger.columns import UtcDateTime
from spaceport.ledger.tables.base import KEY, metadata

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

Index("ix_tokens_account_id", tokens.c.account_id)
Index("ix_sessions_account_id", sessions.c.account_id)
Index("ix_memberships_user_id", memberships.c.user_id)
Index("ix_ssh_keys_account_id", ssh_keys.c.account_id)
