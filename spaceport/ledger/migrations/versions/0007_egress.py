"""Network policies of Spaces"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "egress",
        sa.Column("space_key", sa.String(length=24), nullable=False),
        sa.Column("policy", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["space_key"], ["spaces.key"], name=op.f("fk_egress_space_key"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("space_key", name=op.f("pk_egress")),
    )
