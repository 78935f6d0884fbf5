"""Discussions and pull requests, and what contributors may bring to them"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from spaceport.ledger.columns import UtcDateTime

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

SEQUENCE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("spaces", sa.Column("discussions", sa.Boolean(), nullable=True))
    op.add_column("large_objects", sa.Column("contributed", sa.Boolean(), nullable=True))
    op.create_index("ix_large_objects_actor", "large_objects", ["actor_id"])
    op.add_column("large_uploads", sa.Column("contributor_id", sa.String(length=24), nullable=True))
    op.create_table(
        "discussions",
        sa.Column("space_key", sa.String(length=24), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("status", sa.String(length=8), nullable=False),
        sa.Column("author_id", sa.String(length=24), nullable=False),
        sa.Column("pull_request", sa.Boolean(), nullable=False),
        sa.Column("base", sa.Text(), nullable=True),
        sa.Column("head", sa.String(length=40), nullable=True),
        sa.Column("trusted_head", sa.String(length=40), nullable=True),
        sa.Column("merge_commit", sa.String(length=40), nullable=True),
        sa.Column("pinned", sa.Boolean(), nullable=False),
        sa.Column("locked", sa.Boolean(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["space_key"],
            ["spaces.key"],
            name=op.f("fk_discussions_space_key"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("space_key", "number", name=op.f("pk_discussions")),
    )
    op.create_index("ix_discussions_author", "discussions", ["author_id", "status"])
    op.create_table(
        "discussion_entries",
        sa.Column("seq", SEQUENCE, autoincrement=True, nullable=False),
        sa.Column("id", sa.String(length=24), nullable=False),
        sa.Column("space_key", sa.String(length=24), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("author_id", sa.String(length=24), nullable=True),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("text", sa.Text(), nullable=True),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["space_key", "number"],
            ["discussions.space_key", "discussions.number"],
            name="fk_discussion_entries_discussion",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_discussion_entries")),
        sa.UniqueConstraint("id", name=op.f("uq_discussion_entries_id")),
        sqlite_autoincrement=True,
    )
    columns = ["space_key", "number", "seq"]
    op.create_index("ix_discussion_entries_of", "discussion_entries", columns)
    op.create_index("ix_discussion_entries_author", "discussion_entries", ["author_id", "at"])
