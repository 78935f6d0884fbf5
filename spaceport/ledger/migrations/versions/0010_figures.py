"""What Spaces have used"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from spaceport.ledger.columns import UtcDateTime

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "figures",
        sa.Column("space_key", sa.String(length=24), nullable=False),
        sa.Column("span", sa.Integer(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.Column("cpu_seconds", sa.Float(), nullable=False),
        sa.Column("cpus", sa.Float(), nullable=False),
        sa.Column("memory", sa.BigInteger(), nullable=False),
        sa.Column("memory_peak", sa.BigInteger(), nullable=False),
        sa.Column("memory_limit", sa.BigInteger(), nullable=False),
        sa.Column("disk", sa.BigInteger(), nullable=True),
        sa.Column("received", sa.BigInteger(), nullable=False),
        sa.Column("sent", sa.BigInteger(), nullable=False),
        sa.Column("requests", sa.BigInteger(), nullable=False),
        sa.Column("latency", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["space_key"], ["spaces.key"], name=op.f("fk_figures_space_key"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("space_key", "span", "at", name=op.f("pk_figures")),
    )
    op.create_index("ix_figures_span_at", "figures", ["span", "at"])
