"""Persistent disks, and volumes of Spaces"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from spaceport.ledger.columns import UtcDateTime

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "disks",
        sa.Column("id", sa.String(length=24), nullable=False),
        sa.Column("owner_id", sa.String(length=24), nullable=False),
        sa.Column("space_key", sa.String(length=24), nullable=True),
        sa.Column("name", sa.String(length=96), nullable=True),
        sa.Column("tier", sa.String(length=40), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("deleted_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["owner_id"], ["accounts.id"], name=op.f("fk_disks_owner_id")),
        sa.ForeignKeyConstraint(
            ["space_key"],
            ["spaces.key"],
            name=op.f("fk_disks_space_key"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_disks")),
    )
    op.create_index("ix_disks_space_key", "disks", ["space_key"])
    op.create_index("ix_disks_owner_id", "disks", ["owner_id"])
    op.create_table(
        "volumes",
        sa.Column("space_key", sa.String(length=24), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("source", sa.String(length=200), nullable=False),
        sa.Column("source_key", sa.String(length=24), nullable=False),
        sa.Column("mount_path", sa.String(length=255), nullable=False),
        sa.Column("revision", sa.String(length=255), nullable=True),
        sa.Column("path", sa.Text(), nullable=True),
        sa.Column("read_only", sa.Boolean(), nullable=False),
        sa.Column("added_by", sa.String(length=24), nullable=True),
        sa.ForeignKeyConstraint(
            ["space_key"],
            ["spaces.key"],
            name=op.f("fk_volumes_space_key"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("space_key", "position", name=op.f("pk_volumes")),
    )
    op.add_column("replicas", sa.Column("holds", sa.JSON(), nullable=True))
