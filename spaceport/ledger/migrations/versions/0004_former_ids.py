"""Former names of Spaces"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from spaceport.ledger.columns import UtcDateTime

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "former_ids",
        sa.Column("author_lower", sa.String(length=96), nullable=False),
        sa.Column("name_lower", sa.String(length=96), nullable=False),
        sa.Column("space_key", sa.String(length=24), nullable=False),
        sa.Column("host_label", sa.String(length=63), nullable=True),
        sa.Column("left_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["space_key"],
            ["spaces.key"],
            name=op.f("fk_former_ids_space_key"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("author_lower", "name_lower", name=op.f("pk_former_ids")),
        sa.UniqueConstraint("host_label", name=op.f("uq_former_ids_host_label")),
    )
