"""Locks of git-lfs: who works alone on a file. A lock belongs to its Space (LFS-11)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, insert, select

from spaceport.ledger.columns import now
from spaceport.ledger.database import Tx
from spaceport.ledger.tables import accounts, file_locks, spaces
from spaceport.names import SpaceKey, new_key


@dataclass(frozen=True)
class FileLock:
    """`owner` is the account's name."""

    id: str
    path: str
    owner_id: str
    owner: str
    locked_at: datetime


def create(tx: Tx, key: SpaceKey, path: str, owner_id: str) -> tuple[FileLock, bool]:
    """The lock of the path, and whether it was made now; it may be somebody else's already."""
    # PostgreSQL: two who lock the same path take turns.
    tx.execute(select(spaces.c.key).where(spaces.c.key == key).with_for_update())
    present = listed(tx, key, path=path, limit=1)
    if present:
        return present[0], False
    tx.execute(
        insert(file_locks).values(
            id=new_key(),
            space_key=key,
            path_digest=_digest(path),
            path=path,
            owner_id=owner_id,
            locked_at=now(),
        )
    )
    return listed(tx, key, path=path, limit=1)[0], True


def listed(
    tx: Tx,
    key: SpaceKey,
    *,
    limit: int,
    path: str | None = None,
    id: str | None = None,
    after: str = "",
) -> list[FileLock]:
    """Locks of a Space, by id; `after` goes on behind that id."""
    joined = file_locks.join(accounts, accounts.c.id == file_locks.c.owner_id)
    query = select(file_locks, accounts.c.name.label("owner")).select_from(joined)
    query = query.where(file_locks.c.space_key == key, file_locks.c.id > after)
    if path is not None:
        query = query.where(file_locks.c.path_digest == _digest(path))
    if id is not None:
        query = query.where(file_locks.c.id == id)
    rows = tx.execute(query.order_by(file_locks.c.id).limit(limit)).mappings()
    return [
        FileLock(row["id"], row["path"], row["owner_id"], row["owner"], row["locked_at"])
        for row in rows
    ]


def remove(tx: Tx, key: SpaceKey, id: str) -> bool:
    """False when the Space has no such lock (any more)."""
    here = (file_locks.c.space_key == key, file_locks.c.id == id)
    return bool(tx.execute(delete(file_locks).where(*here)).rowcount)


def _digest(path: str) -> str:
    return hashlib.sha256(path.encode("utf-8", "surrogateescape")).hexdigest()
