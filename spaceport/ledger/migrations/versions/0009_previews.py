"""Previews of branches and pull requests"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from spaceport.ledger.columns import UtcDateTime

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("spaces", sa.Column("parent_key", sa.String(length=24), nullable=True))
    op.add_column("spaces", sa.Column("ref", sa.Text(), nullable=True))
    op.add_column("spaces", sa.Column("used_at", UtcDateTime(), nullable=True))
    op.add_column("spaces", sa.Column("previews", sa.Boolean(), nullable=True))
    op.create_index(op.f("ix_spaces_parent_key"), "spaces", ["parent_key"])
    op.create_table(
        "passed_previews",
        sa.Column("space_key", sa.String(length=24), nullable=False),
        sa.Column("ref", sa.Text(), nullable=False),
        sa.Column("head", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(
            ["space_key"],
            ["spaces.key"],
            name=op.f("fk_passed_previews_space_key"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("space_key", "ref", name=op.f("pk_passed_previews")),
    )
