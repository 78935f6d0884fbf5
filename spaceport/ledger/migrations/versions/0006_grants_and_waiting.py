"""Community grants, and who waits for hardware"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from spaceport.ledger.columns import UtcDateTime

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "grants",
        sa.Column("id", sa.String(length=24), nullable=False),
        sa.Column("space_key", sa.String(length=24), nullable=False),
        sa.Column("asked_by", sa.String(length=24), nullable=True),
        sa.Column("flavor", sa.String(length=40), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("decided_by", sa.String(length=24), nullable=True),
        sa.Column("asked_at", UtcDateTime(), nullable=False),
        sa.Column("decided_at", UtcDateTime(), nullable=True),
        sa.Column("until", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["space_key"], ["spaces.key"], name=op.f("fk_grants_space_key"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_grants")),
    )
    op.create_index("ix_grants_space_key", "grants", ["space_key"], unique=False)
    op.create_index("ix_grants_state", "grants", ["state"], unique=False)
    op.create_table(
        "waiting",
        sa.Column("space_key", sa.String(length=24), nullable=False),
        sa.Column("flavor", sa.String(length=40), nullable=False),
        sa.Column("since", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["space_key"], ["spaces.key"], name=op.f("fk_waiting_space_key"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("space_key", name=op.f("pk_waiting")),
    )
