"""Previews: a branch or pull request of a Space, as a Space of its own, asleep until visited.

A preview is a row of `spaces` with its own key, so all that goes by key (builds, releases,
replicas, routes, logs, secrets) is its own; it names its parent, whose repository it reads and
whose rights hold. It is found by parent and ref, or by its host, never by an id.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Select, and_, delete, insert, select, update

from spaceport.ledger import events, secrets, spaces, variables
from spaceport.ledger.columns import now
from spaceport.ledger.database import Tx
from spaceport.ledger.events import EventKind
from spaceport.ledger.spaces import Space
from spaceport.ledger.tables import passed_previews as passed_rows
from spaceport.ledger.tables import spaces as rows
from spaceport.ledger.tables import variables as variable_rows
from spaceport.names import SpaceKey, new_key, preview_label
from spaceport.stage import Wanted


def of(tx: Tx, parent: SpaceKey) -> list[Space]:
    """Those of one Space, by ref."""
    query = select(rows.c.key).where(*_of(parent)).order_by(rows.c.ref)
    return [spaces.get(tx, key) for key in tx.execute(query).scalars()]


def find(tx: Tx, parent: SpaceKey, ref: str) -> Space | None:
    """That of one ref, written in full."""
    key = tx.execute(select(rows.c.key).where(*_of(parent), rows.c.ref == ref)).scalar()
    return None if key is None else spaces.get(tx, key)


def hold(tx: Tx, parent: SpaceKey) -> Space | None:
    """The Space, unless it is gone; others wait until `tx` ends, so that no ref gets two."""
    query = _present().where(rows.c.key == parent).with_for_update()  # for PostgreSQL
    return None if tx.execute(query).first() is None else spaces.get(tx, parent)


def begin(
    tx: Tx, parent: Space, ref: str, *, sleep_seconds: int, actor_id: str | None = None
) -> Space:
    """Add a preview that sleeps, with the parent's present variables and no secret. The caller
    holds the parent (`hold`)."""
    key = new_key()
    tx.execute(
        insert(rows).values(
            key=key,
            owner_id=parent.owner_id,
            creator_id=parent.creator_id,
            name=parent.id.name,
            name_lower=f"~{key}",  # no legal name: no id leads here
            host_label=_label(tx, parent, ref, key),
            visibility=parent.visibility.of_previews.value,
            sdk=parent.sdk.value,
            wanted=Wanted.ASLEEP.value,
            flavor="cpu-basic",
            sleep_seconds=sleep_seconds,
            parent_key=parent.key,
            ref=ref,
            created_at=now(),
            updated_at=now(),
            used_at=now(),
        )
    )
    for entry in variables.listed(tx, parent.key):
        values = {"value": entry.value, "description": entry.description, "updated_at": now()}
        tx.execute(insert(variable_rows).values(space_key=key, name=entry.name, **values))
    drop_mark(tx, parent.key, ref)
    events.append(
        tx, EventKind.SPACE_CREATED, key, actor_id=actor_id, id=str(parent.id), preview_of=ref
    )
    return spaces.get(tx, key)


def end(tx: Tx, preview: Space, *, actor_id: str | None = None) -> None:
    """Remove a preview; its ref gets none again until it moves."""
    if preview.parent_key is None or preview.ref is None:
        raise ValueError(f"{preview.key} is no preview")
    spaces.mark_deleted(tx, preview.key, actor_id=actor_id)
    if preview.head is not None:
        mark(tx, preview.parent_key, preview.ref, preview.head)


def mark(tx: Tx, parent: SpaceKey, ref: str, head: str) -> None:
    """Note that a ref has no preview while this is its head."""
    drop_mark(tx, parent, ref)
    tx.execute(insert(passed_rows).values(space_key=parent, ref=ref, head=head))


def drop_mark(tx: Tx, parent: SpaceKey, ref: str) -> None:
    tx.execute(
        delete(passed_rows).where(passed_rows.c.space_key == parent, passed_rows.c.ref == ref)
    )


def marks(tx: Tx, parent: SpaceKey) -> dict[str, str]:
    """The heads, by ref, that get no preview."""
    query = select(passed_rows.c.ref, passed_rows.c.head).where(passed_rows.c.space_key == parent)
    return {row.ref: row.head for row in tx.execute(query)}


def overdue(tx: Tx, before: datetime) -> list[Space]:
    """Those not in use and not used since `before`. One that runs, or is being built, is in use."""
    idle = and_(rows.c.wanted != Wanted.RUNNING.value, rows.c.used_at < before)
    query = _present().where(rows.c.parent_key.is_not(None), idle)
    return [spaces.get(tx, key) for key in tx.execute(query).scalars()]


def follow(tx: Tx, parent: Space, *, keep_secrets: bool = True) -> None:
    """Give the previews the owner, name and host label that their Space has now."""
    for preview in of(tx, parent.key):
        if not keep_secrets:
            for entry in secrets.names(tx, preview.key):
                secrets.remove(tx, preview.key, entry.name)
        label = _label(tx, parent, preview.ref or "", preview.key)
        owner_id, name = parent.owner_id, parent.id.name
        values = {"owner_id": owner_id, "name": name, "host_label": label}
        tx.execute(update(rows).where(rows.c.key == preview.key).values(values))
        spaces.settings_changed(tx, preview.key, moved_from=preview.host_label, moved_to=label)


def set_wanted(tx: Tx, key: SpaceKey, wanted: bool, *, actor_id: str | None = None) -> None:
    """Whether the branches of a Space get previews; without, present ones end at once."""
    values = {"previews": wanted, "updated_at": now()}
    tx.execute(update(rows).where(rows.c.key == key).values(values))
    if not wanted:
        for preview in spaces.preview_keys(tx, key):
            spaces.mark_deleted(tx, preview, actor_id=actor_id)
        tx.execute(delete(passed_rows).where(passed_rows.c.space_key == key))
    events.append(tx, EventKind.SPACE_CHANGED, key, actor_id=actor_id, previews=wanted)


def with_any(tx: Tx) -> set[SpaceKey]:
    """The Spaces that have previews, or marks of refs without."""
    parents = select(rows.c.parent_key).where(rows.c.parent_key.is_not(None))
    present = tx.execute(parents.where(rows.c.deleted_at.is_(None)).distinct()).scalars()
    marked = tx.execute(select(passed_rows.c.space_key).distinct()).scalars()
    return {*(key for key in present if key is not None), *marked}


def _label(tx: Tx, parent: Space, ref: str, key: SpaceKey) -> str:
    """The first that holds a plain label keeps it (13.1.3)."""
    plain = preview_label(parent.host_label, ref, key)
    taken = select(rows.c.key).where(rows.c.host_label == plain, rows.c.key != key)
    return preview_label(parent.host_label, ref, key, taken=tx.execute(taken).first() is not None)


def _present() -> Select[Any]:
    return select(rows.c.key).where(rows.c.deleted_at.is_(None))


def _of(parent: SpaceKey) -> tuple[Any, ...]:
    return (rows.c.parent_key == parent, rows.c.deleted_at.is_(None))
