"""Rollbacks of releases, and copies of Spaces"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from spaceport.ledger.columns import UtcDateTime

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("spaces", sa.Column("rolled_back_from", sa.String(length=40), nullable=True))
    op.add_column("spaces", sa.Column("skipped_builds", sa.Integer(), nullable=True))
    op.add_column("spaces", sa.Column("origin", sa.JSON(), nullable=True))
    op.add_column("spaces", sa.Column("duplicable", sa.Boolean(), nullable=True))
    op.add_column("releases", sa.Column("rollback_of", sa.Integer(), nullable=True))
    op.add_column("releases", sa.Column("dropped_at", UtcDateTime(), nullable=True))
