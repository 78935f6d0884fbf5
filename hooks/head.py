"""Bringing the ledger's idea of a Space's head up to what the repository says.

The repository is the truth about code. Whoever notices a difference (the announcement of a push,
the reconciler) calls `note_head`, which reads the ref inside the transaction: two that come in the
wrong order still leave the newest head behind.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from gitserver.objects.store import Objects
from gitserver.repositories import Repositories
from hooks.checks.front_matter import read_front
from spaceport.card import Card
from spaceport.ledger import spaces
from spaceport.ledger import tables as t
from spaceport.ledger.database import Tx
from spaceport.names import SpaceKey
from spaceport.push import MAIN


def note_head(
    tx: Tx,
    repositories: Repositories,
    key: SpaceKey,
    *,
    actor_id: str | None = None,
    at: str | None = None,
) -> bool:
    """Make the ledger's head and card those of `main` now, for a preview those of its ref, or of
    the revision `at`; true when they were others.

    A Space that is not there, or is being deleted, is left alone.
    """
    columns = (t.spaces.c.head, t.spaces.c.parent_key, t.spaces.c.ref)
    query = select(*columns).where(t.spaces.c.key == key, t.spaces.c.deleted_at.is_(None))
    row = tx.execute(query.with_for_update()).first()  # the row lock is for PostgreSQL
    if row is None:
        return False
    source: SpaceKey = row.parent_key or key
    if not repositories.exists(source):
        return False
    revision = at or repositories.head(source, row.ref or MAIN)
    if revision == row.head:
        return False
    card = None if revision is None else _card(repositories, source, revision)
    sdk = None if card is None else card.sdk
    stored: dict[str, Any] | None = None if card is None else card.to_json()
    spaces.move_head(tx, key, revision, stored, sdk=sdk, actor_id=actor_id)
    return True


def _card(repositories: Repositories, key: SpaceKey, revision: str) -> Card | None:
    with Objects(repositories.path(key) / "objects") as objects:
        return read_front(objects, revision).card
