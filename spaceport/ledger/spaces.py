"""Spaces in the ledger: create, find, change, delete."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Select, and_, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from spaceport.errors import Conflict, NotFound
from spaceport.ledger import events, former_ids
from spaceport.ledger.columns import now
from spaceport.ledger.database import Tx
from spaceport.ledger.events import EventKind
from spaceport.ledger.origins import Origin
from spaceport.ledger.tables import accounts, spaces
from spaceport.names import SpaceId, SpaceKey, check_space_name
from spaceport.sdk import Sdk
from spaceport.stage import Wanted

DELETED = "~"  # begins no legal name: frees the name and the label of a deleted Space


class Visibility(StrEnum):
    PUBLIC = "public"
    PROTECTED = "protected"  # the app is public, the repository is not
    PRIVATE = "private"

    @property
    def of_previews(self) -> Visibility:
        """A branch is for those who may read the repository."""
        return Visibility.PUBLIC if self is Visibility.PUBLIC else Visibility.PRIVATE


@dataclass(frozen=True)
class Space:
    """A row of `spaces` with its owner's name. A preview has the id of the Space that it is of."""

    key: SpaceKey
    id: SpaceId
    owner_id: str
    creator_id: str
    host_label: str
    visibility: Visibility
    sdk: Sdk
    head: str | None
    card: Mapping[str, Any] | None
    wanted: Wanted
    flavor: str
    sleep_seconds: int | None
    settings_version: int
    restart_generation: int
    factory_generation: int
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None
    rolled_back_from: str | None = None
    skipped_builds: int = 0
    origin: Origin | None = None
    duplicable: bool = True  # for those who may only read it
    parent_key: SpaceKey | None = None  # it is a preview of that Space
    ref: str | None = None  # of which it shows this ref
    used_at: datetime | None = None  # pushed to, woken or fallen asleep for the last time
    previews: bool = True  # whether its branches get previews

    @property
    def repository_key(self) -> SpaceKey:
        """Whose repository it is made of: a preview reads that of its Space. Rights, too, are
        granted there."""
        return self.parent_key or self.key

    @property
    def dormant(self) -> bool:
        """A preview that nobody visits: nothing is built or started for it."""
        return self.parent_key is not None and self.wanted is Wanted.ASLEEP

    def called(self, space_id: SpaceId) -> bool:
        """Whether this is its id, whatever the case."""
        return str(self.id).lower() == str(space_id).lower()

    @property
    def held(self) -> bool:
        """Whether it was rolled back and nothing was pushed since: what is built of the present
        head is not released."""
        return self.rolled_back_from is not None and self.rolled_back_from == (self.head or "")


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
    row = tx.execute(_all().where(spaces.c.key == key)).mappings().first()
    if row is None:
        raise NotFound("There is no such Space.")
    return _space(row)


def by_id(tx: Tx, space_id: SpaceId) -> Space | None:
    """Look-up by `author/name`, whatever the case; deleted ones and previews are not found."""
    query = _all().where(
        accounts.c.name_lower == space_id.author.lower(),
        spaces.c.name_lower == space_id.name.lower(),
        spaces.c.deleted_at.is_(None),
        spaces.c.parent_key.is_(None),
    )
    row = tx.execute(query).mappings().first()
    return None if row is None else _space(row)


def by_label(tx: Tx, label: str) -> Space | None:
    query = _all().where(spaces.c.host_label == label, spaces.c.deleted_at.is_(None))
    row = tx.execute(query).mappings().first()
    return None if row is None else _space(row)


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
    query = _all().where(spaces.c.deleted_at.is_(None), spaces.c.parent_key.is_(None))
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
    return [_space(row) for row in tx.execute(query.limit(limit)).mappings()]


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
    asleep = (spaces.c.key == key, spaces.c.wanted == Wanted.ASLEEP.value)
    tx.execute(
        update(spaces)
        .where(*asleep, spaces.c.parent_key.is_(None))
        .values(wanted=Wanted.RUNNING.value)
    )
    events.append(tx, EventKind.HEAD_MOVED, key, actor_id=actor_id, revision=revision)


def want(tx: Tx, key: SpaceKey, wanted: Wanted, *, actor_id: str | None = None) -> bool:
    """Ask for a state; false when it was that already."""
    changed = tx.execute(
        update(spaces)
        .where(spaces.c.key == key, spaces.c.wanted != wanted.value)
        .values(wanted=wanted.value, used_at=now())
    )
    if changed.rowcount:
        events.append(tx, EventKind.SPACE_WANTED, key, actor_id=actor_id, wanted=wanted.value)
    return bool(changed.rowcount)


def restart(tx: Tx, key: SpaceKey, *, factory: bool = False, actor_id: str | None = None) -> None:
    """Want it running, from a new replica; `factory` builds the head again without any cache,
    also after a rollback."""
    values: dict[Any, Any] = {
        spaces.c.wanted: Wanted.RUNNING.value,
        spaces.c.restart_generation: spaces.c.restart_generation + 1,
        spaces.c.used_at: now(),
    }
    if factory:
        values[spaces.c.factory_generation] = spaces.c.factory_generation + 1
        values[spaces.c.rolled_back_from] = None
    tx.execute(update(spaces).where(spaces.c.key == key).values(values))
    events.append(tx, EventKind.SPACE_WANTED, key, actor_id=actor_id, restart=True, factory=factory)


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
    events.append(tx, EventKind.SPACE_DELETED, key, actor_id=actor_id)


def purge(tx: Tx, key: SpaceKey) -> None:
    """Drop the row of a deleted Space, with all that hangs on it, once nothing is left on disk."""
    tx.execute(spaces.delete().where(spaces.c.key == key, spaces.c.deleted_at.is_not(None)))


def count(tx: Tx) -> int:
    present = (spaces.c.deleted_at.is_(None), spaces.c.parent_key.is_(None))
    query = select(func.count()).select_from(spaces).where(*present)
    return int(tx.execute(query).scalar_one())


def _all() -> Select[Any]:
    joined = spaces.join(accounts, accounts.c.id == spaces.c.owner_id)
    return select(spaces, accounts.c.name.label("author")).select_from(joined)


def _space(row: Mapping[Any, Any]) -> Space:
    return Space(
        key=row["key"],
        id=SpaceId(row["author"], row["name"]),
        owner_id=row["owner_id"],
        creator_id=row["creator_id"],
        host_label=row["host_label"],
        visibility=Visibility(row["visibility"]),
        sdk=Sdk(row["sdk"]),
        head=row["head"],
        card=row["card"],
        wanted=Wanted(row["wanted"]),
        flavor=row["flavor"],
        sleep_seconds=row["sleep_seconds"],
        settings_version=row["settings_version"],
        restart_generation=row["restart_generation"],
        factory_generation=row["factory_generation"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        deleted_at=row["deleted_at"],
        rolled_back_from=row["rolled_back_from"],
        skipped_builds=row["skipped_builds"] or 0,
        origin=None if row["origin"] is None else Origin.from_json(row["origin"]),
        duplicable=row["duplicable"] is not False,
        parent_key=row["parent_key"],
        ref=row["ref"],
        used_at=row["used_at"],
        previews=row["previews"] is not False,
    )
