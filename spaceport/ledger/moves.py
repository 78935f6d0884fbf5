"""Renaming Spaces and giving them to other owners (spaces-behaviour 8.2.18, 14.6)."""

from __future__ import annotations

from sqlalchemy import select, update

from spaceport.errors import Conflict, NotFound
from spaceport.ledger import former_ids, previews, secrets, spaces, volumes
from spaceport.ledger.columns import now
from spaceport.ledger.database import Tx
from spaceport.ledger.spaces import Space
from spaceport.ledger.tables import accounts
from spaceport.ledger.tables import spaces as table
from spaceport.names import SpaceId, SpaceKey, check_space_name


def find(tx: Tx, space_id: SpaceId) -> Space | None:
    """The Space that is called so now or, if there is none, was called so last."""
    found = spaces.by_id(tx, space_id)
    if found is not None:
        return found
    return _still_there(tx, former_ids.holder(tx, space_id))


def find_by_label(tx: Tx, label: str) -> Space | None:
    """The Space at this host label, or the one that it redirects to."""
    found = spaces.by_label(tx, label)
    return found or _still_there(tx, former_ids.holder_of_label(tx, label))


def move(
    tx: Tx,
    space: Space,
    owner_id: str,
    name: str,
    *,
    keep_secrets: bool = True,
    actor_id: str | None = None,
) -> Space:
    """Give it another name, owner or both; its app restarts at its new host.

    The old id and host lead to the new ones. Raises `Conflict` when the id is taken or held for
    another Space, `Invalid` for a name that no Space can have.
    """
    check_space_name(name)
    author = tx.execute(select(accounts.c.name).where(accounts.c.id == owner_id)).scalar()
    if author is None:
        raise NotFound("There is no such account.")
    target = SpaceId(author, name)
    there = spaces.by_id(tx, target)
    if there is not None and there.key != space.key:
        raise Conflict(f"A space repository called {target} already exists")
    former_ids.take(tx, space.key, target)
    label = former_ids.label_for(tx, space.key, target)
    if not space.called(target):
        old_label = space.host_label if space.host_label != label else None
        former_ids.leave(tx, space.key, space.id, old_label)
    if not keep_secrets:
        for entry in secrets.names(tx, space.key):
            secrets.remove(tx, space.key, entry.name, actor_id=actor_id)
    tx.execute(
        update(table)
        .where(table.c.key == space.key)
        .values(
            owner_id=owner_id,
            name=name,
            name_lower=name.lower(),
            host_label=label,
            updated_at=now(),
        )
    )
    volumes.moved(tx, space.key, owner_id)
    told = {"moved_from": str(space.id), "moved_to": str(target)}
    spaces.settings_changed(tx, space.key, actor_id=actor_id, **told)
    moved = spaces.get(tx, space.key)
    previews.follow(tx, moved, keep_secrets=keep_secrets)
    return moved


def _still_there(tx: Tx, key: SpaceKey | None) -> Space | None:
    if key is None:
        return None
    found = spaces.get(tx, key)
    return None if found.deleted_at is not None else found
