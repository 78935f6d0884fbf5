"""Spaces in the ledger: create, find, change, delete."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, and_, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from spaceport.errors import BudgetSpent, Conflict, NotFound
from spaceport.ledger import events, former_ids, usage, waiting
from spaceport.ledger.columns import now
from spaceport.ledger.database import Tx
from spaceport.ledger.events import EventKind
from spaceport.ledger.origins import Origin
from spaceport.ledger.space_rows import Space, Visibility, all_rows, space_of
from spaceport.ledger.tables import accounts, spaces
from spaceport.names import SpaceId, SpaceKey, check_space_name
from spaceport.sdk import Sdk
from spaceport.stage import Wanted

__all__ = ["Space", "Visibility"]  # what callers know by this module

DELETED = "~"  # begins no legal name: frees the name and the label of a deleted Space


def create(
    tx: Tx,
    key: SpaceKey,
    owner_id: str,
    name: str,
    *,
    creator_id: str,
    visibility: Visibility,
    sdk: Sdk,
    flavor: str = "cpu-basic",
    origin: Origin | None = None,
) -> Space:
    """Add a Space and its event. Raises `Conflict` when the owner has that name already, or had it
    until lately for a Space that is called otherwise now."""
    check_space_name(name)
    author = tx.execute(select(accounts.c.name).where(accounts.c.id == owner_id)).scalar()
    if author is None:
        raise NotFound("There is no such account.")
    space_id = SpaceId(author, name)
    if by_id(tx, space_id) is not None:
        raise Conflict(f"A Space called {space_id} already exists.")
    former_ids.take(tx, key, space_id)
    label = former_ids.label_for(tx, key, space_id)
    try:
        tx.execute(
            insert(spaces).values(
                key=key,
                owner_id=owner_id,
                creator_id=creator_id,
                name=name,
                name_lower=name.lower(),
                host_label=label,
                visibility=visibility.value,
                sdk=sdk.value,
                wanted=Wanted.RUNNING.value,
                flavor=flavor,
                origin=None if origin is None else origin.to_json(),
                created_at=now(),
                updated_at=now(),
            )
        )
    except IntegrityError as error:
        raise Conflict(f"A Space called {space_id} already exists.") from error
    told = {"id": str(space_id), **({"copy_of": origin.key} if origin is not None else {})}
    events.append(tx, EventKind.SPACE_CREATED, key, actor_id=creator_id, **told)
    return get(tx, key)


def get(tx: Tx, key: SpaceKey) -> Space:
    """Also finds a Space that is being deleted. Raises `NotFound`."""
    row = tx.execute(all_rows().where(spaces.c.key == key)).mappings().first()
    if row is None:
        raise NotFound("There is no such Space.")
    return space_of(row)


def by_id(tx: Tx, space_id: SpaceId) -> Space | None:
    """Look-up by `author/name`, whatever the case; deleted ones and previews are not found."""
    query = all_rows().where(
        accounts.c.name_lower == space_id.author.lower(),
        spaces.c.name_lower == space_id.name.lower(),
        spaces.c.deleted_at.is_(None),
        spaces.c.parent_key.is_(None),
    )
    row = tx.execute(query).mappings().first()
    return None if row is None else space_of(row)


def by_label(tx: Tx, label: str) -> Space | None:
    query = all_rows().where(spaces.c.host_label == label, spaces.c.deleted_at.is_(None))
    row = tx.execute(query).mappings().first()
    return None if row is None else space_of(row)


def keys(tx: Tx, *, deleted: bool = False) -> list[SpaceKey]:
    """Every Space that exists, or every one that waits to be removed for good."""
    absent = spaces.c.deleted_at.is_not(None) if deleted else spaces.c.deleted_at.is_(None)
    return list(tx.execute(select(spaces.c.key).where(absent)).scalars())


@dataclass(frozen=True)
class Readable:
    """Which Spaces may be listed besides the public ones; see `authorize.readable`.

    All of `owners`, and those of `keys` that belong to one of `key_owners`.
    """

    everything: bool = False
    owners: frozenset[str] = frozenset()
    keys: frozenset[SpaceKey] = frozenset()
    key_owners: frozenset[str] = frozenset()


class Order(StrEnum):
    """Always the latest first."""

    UPDATED = "updated"
    CREATED = "created"


Mark = tuple[datetime, SpaceKey]
"""Where a page of a list ended: its last Space's time and key."""


def search(
    tx: Tx,
    *,
    author: str | None = None,
    text: str | None = None,
    limit: int | None = None,
    readable: Readable = Readable(everything=True),
    order: Order = Order.UPDATED,
    after: Mark | None = None,
) -> Sequence[Space]:
    """Spaces whose id contains `text` and that `readable` lets through; `after` goes on there.
    Previews are none of their own."""
    column = spaces.c.updated_at if order is Order.UPDATED else spaces.c.created_at
    query = all_rows().where(spaces.c.deleted_at.is_(None), spaces.c.parent_key.is_(None))
    query = query.order_by(column.desc(), spaces.c.key.desc())
    if author:
        query = query.where(accounts.c.name_lower == author.lower())
    if text:
        wanted = accounts.c.name_lower + "/" + spaces.c.name_lower
        query = query.where(wanted.contains(text.lower(), autoescape=True))
    if not readable.everything:
        public = spaces.c.visibility == Visibility.PUBLIC.value
        own = spaces.c.owner_id.in_(readable.owners)
        granted = spaces.c.key.in_(readable.keys) & spaces.c.owner_id.in_(readable.key_owners)
        query = query.where(or_(public, own, granted))
    if after is not None:
        at, key = after
        query = query.where(or_(column < at, and_(column == at, spaces.c.key < key)))
    return [space_of(row) for row in tx.execute(query.limit(limit)).mappings()]


def move_head(
    tx: Tx,
    key: SpaceKey,
    revision: str | None,
    card: Mapping[str, Any] | None,
    *,
    sdk: Sdk | None = None,
    actor_id: str | None = None,
) -> None:
    """Note a new head of main and what its card says; wakes builder and runtime.

    A push is a sign of life: a Space that slept is wanted again, a paused one stays paused; one
    that was rolled back follows its head again. A preview sleeps on until it is visited.
    """
    values: dict[str, Any] = {"head": revision, "card": card, "updated_at": now()}
    values["used_at"] = values["updated_at"]
    values["rolled_back_from"] = None
    if sdk is not None:
        values["sdk"] = sdk.value
    tx.execute(update(spaces).where(spaces.c.key == key).values(values))
    _rouse(tx, key, spaces.c.parent_key.is_(None))
    events.append(tx, EventKind.HEAD_MOVED, key, actor_id=actor_id, revision=revision)


def wake(tx: Tx, key: SpaceKey, *, actor_id: str | None = None) -> bool:
    """A visit: want a Space running that sleeps. False for one that was paused, or that sleeps
    because its owner's budget is spent."""
    woken = _rouse(tx, key)
    if woken:
        wanted = Wanted.RUNNING.value
        events.append(tx, EventKind.SPACE_WANTED, key, actor_id=actor_id, wanted=wanted)
    return woken


def _rouse(tx: Tx, key: SpaceKey, *which: ColumnElement[bool]) -> bool:
    asleep = (
        spaces.c.key == key,
        spaces.c.wanted == Wanted.ASLEEP.value,
        spaces.c.budget_spent.is_(None),
        *which,
    )
    values = {"wanted": Wanted.RUNNING.value, "used_at": now()}
    woken = tx.execute(update(spaces).where(*asleep).values(values)).rowcount
    if woken:
        usage.woke(tx, key)
    return bool(woken)


def want(tx: Tx, key: SpaceKey, wanted: Wanted, *, actor_id: str | None = None) -> bool:
    """Ask for a state; false when it was that already."""
    changed = tx.execute(
        update(spaces)
        .where(spaces.c.key == key, spaces.c.wanted != wanted.value)
        .values(wanted=wanted.value, used_at=now())
    )
    if changed.rowcount:
        _meter_sleep(tx, key, wanted)
        waiting.leave(tx, key)
        events.append(tx, EventKind.SPACE_WANTED, key, actor_id=actor_id, wanted=wanted.value)
    return bool(changed.rowcount)


def restart(tx: Tx, key: SpaceKey, *, factory: bool = False, actor_id: str | None = None) -> None:
    """Want it running, from a new replica; `factory` builds the head again without any cache,
    also after a rollback. Raises `BudgetSpent`."""
    spent = tx.execute(select(spaces.c.budget_spent).where(spaces.c.key == key)).scalar()
    if spent is not None:
        raise BudgetSpent(
            f"The budget of its owner for {spent} is spent: this hardware costs money.",
            hint="Raise the budget, or choose free hardware.",
        )
    values: dict[Any, Any] = {
        spaces.c.wanted: Wanted.RUNNING.value,
        spaces.c.restart_generation: spaces.c.restart_generation + 1,
        spaces.c.used_at: now(),
    }
    if factory:
        values[spaces.c.factory_generation] = spaces.c.factory_generation + 1
        values[spaces.c.rolled_back_from] = None
    tx.execute(update(spaces).where(spaces.c.key == key).values(values))
    usage.woke(tx, key)
    events.append(tx, EventKind.SPACE_WANTED, key, actor_id=actor_id, restart=True, factory=factory)


def _meter_sleep(tx: Tx, key: SpaceKey, wanted: Wanted) -> None:
    if wanted is Wanted.ASLEEP:
        flavor = tx.execute(select(spaces.c.flavor).where(spaces.c.key == key)).scalar_one()
        usage.fell_asleep(tx, key, flavor)
    else:
        usage.woke(tx, key)


def settings_changed(tx: Tx, key: SpaceKey, *, actor_id: str | None = None, **detail: Any) -> None:
    """A variable, secret or hardware changed: the next release must reflect it."""
    tx.execute(
        update(spaces)
        .where(spaces.c.key == key)
        .values(settings_version=spaces.c.settings_version + 1, updated_at=now())
    )
    events.append(tx, EventKind.SPACE_CHANGED, key, actor_id=actor_id, **detail)


def set_visibility(
    tx: Tx, key: SpaceKey, visibility: Visibility, *, actor_id: str | None = None
) -> None:
    tx.execute(
        update(spaces)
        .where(spaces.c.key == key)
        .values(visibility=visibility.value, updated_at=now())
    )
    events.append(tx, EventKind.SPACE_CHANGED, key, actor_id=actor_id, visibility=visibility.value)
    for preview in preview_keys(tx, key):
        set_visibility(tx, preview, visibility.of_previews, actor_id=actor_id)


def preview_keys(tx: Tx, key: SpaceKey) -> list[SpaceKey]:
    """The previews of a Space; see `spaceport.ledger.previews`."""
    own = (spaces.c.parent_key == key, spaces.c.deleted_at.is_(None))
    return list(tx.execute(select(spaces.c.key).where(*own)).scalars())


def set_duplicable(tx: Tx, key: SpaceKey, duplicable: bool, *, actor_id: str | None = None) -> None:
    """Whether those who may only read the Space may copy it."""
    values = {"duplicable": duplicable, "updated_at": now()}
    tx.execute(update(spaces).where(spaces.c.key == key).values(values))
    events.append(tx, EventKind.SPACE_CHANGED, key, actor_id=actor_id, duplicable=duplicable)


def set_flavor(tx: Tx, key: SpaceKey, flavor: str, *, actor_id: str | None = None) -> None:
    tx.execute(update(spaces).where(spaces.c.key == key).values(flavor=flavor))
    settings_changed(tx, key, actor_id=actor_id, flavor=flavor)


def set_sleep(tx: Tx, key: SpaceKey, seconds: int | None, *, actor_id: str | None = None) -> None:
    """Idle seconds until sleep; -1 never, None what the flavor says. The app is not restarted."""
    values = {"sleep_seconds": seconds, "updated_at": now()}
    tx.execute(update(spaces).where(spaces.c.key == key).values(values))
    events.append(tx, EventKind.SPACE_CHANGED, key, actor_id=actor_id, sleep_seconds=seconds)


def of_owners(tx: Tx, owner_ids: Collection[str]) -> list[Space]:
    query = all_rows().where(spaces.c.owner_id.in_(owner_ids), spaces.c.deleted_at.is_(None))
    return [space_of(row) for row in tx.execute(query).mappings()] if owner_ids else []


def held_by_budget(tx: Tx) -> list[Space]:
    """Those that sleep because their owner's budget is spent."""
    return [
        space_of(row)
        for row in tx.execute(all_rows().where(spaces.c.budget_spent.is_not(None))).mappings()
    ]


def set_budget_spent(tx: Tx, key: SpaceKey, month: str | None) -> None:
    """Put it to sleep, and keep it asleep, for that month; None lets visitors wake it again."""
    tx.execute(update(spaces).where(spaces.c.key == key).values(budget_spent=month))
    running = (spaces.c.key == key, spaces.c.wanted == Wanted.RUNNING.value)
    asleep = Wanted.ASLEEP.value
    if (
        month is not None
        and tx.execute(update(spaces).where(*running).values(wanted=asleep)).rowcount
    ):
        _meter_sleep(tx, key, Wanted.ASLEEP)
    events.append(tx, EventKind.SPACE_CHANGED, key, budget_spent=month)


def mark_deleted(tx: Tx, key: SpaceKey, *, actor_id: str | None = None) -> None:
    """Delete for everybody at once, its previews too; the name is free again, what it left is
    removed after."""
    for preview in preview_keys(tx, key):
        mark_deleted(tx, preview, actor_id=actor_id)
    tx.execute(
        update(spaces)
        .where(spaces.c.key == key, spaces.c.deleted_at.is_(None))
        .values(
            deleted_at=now(),
            name_lower=DELETED + key,
            host_label=DELETED + key,
            wanted=Wanted.PAUSED.value,
        )
    )
    former_ids.forget(tx, key)
    usage.end_all(tx, key)
    events.append(tx, EventKind.SPACE_DELETED, key, actor_id=actor_id)


def purge(tx: Tx, key: SpaceKey) -> None:
    """Drop the row of a deleted Space, with all that hangs on it, once nothing is left on disk."""
    tx.execute(spaces.delete().where(spaces.c.key == key, spaces.c.deleted_at.is_not(None)))


def count(tx: Tx) -> int:
    present = (spaces.c.deleted_at.is_(None), spaces.c.parent_key.is_(None))
    query = select(func.count()).select_from(spaces).where(*present)
    return int(tx.execute(query).scalar_one())
