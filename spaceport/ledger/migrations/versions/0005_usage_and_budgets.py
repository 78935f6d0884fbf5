"""Usage and budgets"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from spaceport.ledger.columns import UtcDateTime

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "usage",
        sa.Column("id", sa.String(length=24), nullable=False),
        sa.Column("space_key", sa.String(length=24), nullable=False),
        sa.Column("space_id", sa.String(length=200), nullable=False),
        sa.Column("owner_id", sa.String(length=24), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("slug", sa.String(length=40), nullable=False),
        sa.Column("price", sa.BigInteger(), nullable=False),
        sa.Column("replica_id", sa.String(length=24), nullable=True),
        sa.Column("started_at", UtcDateTime(), nullable=False),
        sa.Column("answered_at", UtcDateTime(), nullable=True),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_usage")),
    )
    op.create_index("ix_usage_owner_id", "usage", ["owner_id", "started_at"], unique=False)
    op.create_index("ix_usage_space_key", "usage", ["space_key", "ended_at"], unique=False)
    op.create_table(
        "budgets",
        sa.Column("account_id", sa.String(length=24), nullable=False),
        sa.Column("monthly", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["accounts.id"],
            name=op.f("fk_budgets_account_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_budgets")),
    )
    op.add_column("replicas", sa.Column("price", sa.BigInteger(), nullable=True))
    op.add_column("spaces", sa.Column("budget_spent", sa.String(length=7), nullable=True))
