"""Large objects of git-lfs: who holds which, uploads under way, locks"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from spaceport.ledger.columns import UtcDateTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "large_objects",
        sa.Column("space_key", sa.String(length=24), nullable=False),
        sa.Column("oid", sa.String(length=64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("blob_id", sa.String(length=40), nullable=True),
        sa.Column("actor_id", sa.String(length=24), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("needed_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["space_key"],
            ["spaces.key"],
            name=op.f("fk_large_objects_space_key"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("space_key", "oid", name=op.f("pk_large_objects")),
    )
    op.create_index("ix_large_objects_oid", "large_objects", ["oid"], unique=False)
    op.create_table(
        "large_uploads",
        sa.Column("space_key", sa.String(length=24), nullable=False),
        sa.Column("oid", sa.String(length=64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["space_key"],
            ["spaces.key"],
            name=op.f("fk_large_uploads_space_key"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("space_key", "oid", name=op.f("pk_large_uploads")),
    )
    op.create_table(
        "file_locks",
        sa.Column("id", sa.String(length=24), nullable=False),
        sa.Column("space_key", sa.String(length=24), nullable=False),
        sa.Column("path_digest", sa.String(length=64), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("owner_id", sa.String(length=24), nullable=False),
        sa.Column("locked_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["accounts.id"], name=op.f("fk_file_locks_owner_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["space_key"], ["spaces.key"], name=op.f("fk_file_locks_space_key"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_file_locks")),
        sa.UniqueConstraint(
            "space_key", "path_digest", name=op.f("uq_file_locks_space_key_path_digest")
        ),
    )
    # Whoever removes objects locks this row, so it has to be there.
    facts = sa.table("facts", sa.column("name", sa.String), sa.column("value", sa.Text))
    op.execute(facts.insert().values(name="large.gc", value=""))
