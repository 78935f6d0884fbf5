"""Persistent storage: the disk of a Space, and buckets (spaces-behaviour 4.5).

A disk is one file system of a fixed size that outlives every replica. A Space has at most one of
its own, of a tier, mounted at `/data`; a bucket is one with a name that several Spaces of its
owner may mount. Every change of a Space's tier goes through `set_tier` and `remove`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, select, update

from spaceport.errors import Conflict, Invalid, NotFound
from spaceport.ledger import spaces, usage
from spaceport.ledger.columns import now
from spaceport.ledger.database import Tx
from spaceport.ledger.spaces import Space
from spaceport.ledger.tables import accounts, disks
from spaceport.ledger.tables import spaces as space_rows
from spaceport.ledger.tables import volumes as volume_rows
from spaceport.names import SpaceKey, check_space_name, new_key
from spaceport.sdk import Sdk

MOUNT = "/data"
"""Where an app finds the storage of its tier (4.5.1)."""

GIB = 1024**3
SCRATCH = "scratch-"


@dataclass(frozen=True)
class Disk:
    """A row of `disks`; `size` in bytes. `space_key` is None for a bucket, `name` for a tier."""

    id: str
    owner_id: str
    space_key: SpaceKey | None
    name: str | None
    tier: str
    size: int
    created_at: datetime
    deleted_at: datetime | None = None


def held_disk(disk_id: str) -> str:
    """How a replica's `holds` names a disk; it is also where the disk lies in the data folder."""
    return f"volumes/{disk_id}"


def new_scratch() -> str:
    """The id of a disk that has no row: it is there while the replica lives that holds it."""
    return f"{SCRATCH}{new_key()}"


def held_scratch(holds: Collection[str]) -> str | None:
    """The id of the scratch disk among what a replica holds."""
    found = (name.removeprefix("volumes/") for name in holds)
    return next((name for name in found if name.startswith(SCRATCH)), None)


def held_share(key: SpaceKey, revision: str) -> str:
    """The same for a revision of another Space, laid out to be mounted."""
    return f"shares/{key}/{revision}"


def size_text(size: int) -> str:
    """Bytes as people read them: `20 GB`, `1 TB`, `16 MB`."""
    for unit, factor in (("TB", 1024 * GIB), ("GB", GIB)):
        if size >= factor:
            return f"{size / factor:.3g} {unit}"
    return f"{size / 1024**2:.3g} MB"


def of_space(tx: Tx, key: SpaceKey) -> Disk | None:
    """The disk of the Space's tier, if it has one."""
    query = select(disks).where(disks.c.space_key == key, disks.c.deleted_at.is_(None))
    row = tx.execute(query).mappings().first()
    return None if row is None else _disk(row)


def set_tier(
    tx: Tx,
    space: Space,
    tier: str,
    size: int,
    *,
    price: int = 0,
    actor_id: str | None = None,
) -> tuple[Disk, bool]:
    """Give the Space storage of `size` bytes, or let its storage grow to that (4.5.3).

    `price`: micro-dollars a month, charged until it is deleted (4.5.4). Also gives whether
    anything changed; then the app restarts with it. Raises `Invalid` for a smaller
    size, a static Space, or where a volume has its place.
    """
    if space.sdk is Sdk.STATIC:
        raise Invalid("A static Space has no storage: its files are served without a container.")
    _lock(tx, space.key)
    found = of_space(tx, space.key)
    if found is not None and found.size > size:
        raise Invalid(
            f"The storage of {space.id} has {size_text(found.size)} and cannot become smaller.",
            hint="Save what you need, delete the storage, then choose the smaller tier.",
        )
    if found is not None and found.tier == tier and found.size == size:
        return found, False
    if found is None and _mounted_at(tx, space.key, MOUNT):
        raise Invalid(
            f"A volume of {space.id} is mounted at {MOUNT}, where its storage would be.",
            hint="Mount the volume elsewhere, or keep it in the place of the storage.",
        )
    if found is not None:
        here = disks.c.id == found.id
        tx.execute(update(disks).where(here).values(tier=tier, size=size))
    else:
        _add(tx, space.owner_id, tier, size, space_key=space.key)
    usage.storage_kept(tx, space.key, tier, price)
    spaces.settings_changed(tx, space.key, actor_id=actor_id, storage=tier)
    made = of_space(tx, space.key)
    if made is None:
        raise LookupError(space.key)
    return made, True


def remove(tx: Tx, key: SpaceKey, *, actor_id: str | None = None) -> Disk:
    """Give the Space's storage up with all that is in it; the app restarts without.

    Raises `Invalid` when it has none. The files go once no replica holds them any more.
    """
    _lock(tx, key)
    found = of_space(tx, key)
    if found is None:
        raise Invalid("This Space has no persistent storage.")
    tx.execute(update(disks).where(disks.c.id == found.id).values(deleted_at=now()))
    usage.storage_given_up(tx, key)
    spaces.settings_changed(tx, key, actor_id=actor_id, storage=None)
    return found


def moved(tx: Tx, key: SpaceKey, owner_id: str) -> None:
    """The Space, and with it its storage, belongs to `owner_id` now."""
    tx.execute(update(disks).where(disks.c.space_key == key).values(owner_id=owner_id))
    usage.storage_changed_hands(tx, key)


def bucket(tx: Tx, owner_id: str, name: str) -> Disk | None:
    query = select(disks).where(
        disks.c.owner_id == owner_id, disks.c.name == name.lower(), disks.c.deleted_at.is_(None)
    )
    row = tx.execute(query).mappings().first()
    return None if row is None else _disk(row)


def make_bucket(tx: Tx, owner_id: str, name: str, tier: str, size: int) -> Disk:
    """The owner's bucket of that name; made at its first use, of a tier's size."""
    check_space_name(name)
    tx.execute(select(accounts.c.id).where(accounts.c.id == owner_id).with_for_update())
    found = bucket(tx, owner_id, name)
    return found or get(tx, _add(tx, owner_id, tier, size, name=name.lower()))


def remove_bucket(tx: Tx, disk: Disk) -> None:
    """Raises `Conflict` while a Space mounts it."""
    users = volume_rows.c.source_key == disk.id
    used = tx.execute(select(volume_rows.c.space_key).where(users)).scalars().first()
    if used is not None:
        space = spaces.get(tx, used)
        raise Conflict(
            f"{space.id} mounts the bucket {disk.name}.",
            hint="Take it out of that Space's volumes first.",
        )
    tx.execute(update(disks).where(disks.c.id == disk.id).values(deleted_at=now()))


def get(tx: Tx, disk_id: str) -> Disk:
    """Raises `NotFound`; also finds one that is being removed."""
    row = tx.execute(select(disks).where(disks.c.id == disk_id)).mappings().first()
    if row is None:
        raise NotFound("There is no such storage (any more).")
    return _disk(row)


def all_disks(tx: Tx) -> list[Disk]:
    """Every one, also those whose files still have to go; the oldest first."""
    query = select(disks).order_by(disks.c.created_at, disks.c.id)
    return [_disk(row) for row in tx.execute(query).mappings()]


def forget(tx: Tx, disk_id: str) -> None:
    """Drop the row of a deleted disk once its files are gone."""
    tx.execute(delete(disks).where(disks.c.id == disk_id, disks.c.deleted_at.is_not(None)))


def _add(
    tx: Tx,
    owner_id: str,
    tier: str,
    size: int,
    *,
    space_key: SpaceKey | None = None,
    name: str | None = None,
) -> str:
    disk_id = new_key()
    tx.execute(
        insert(disks).values(
            id=disk_id,
            owner_id=owner_id,
            space_key=space_key,
            name=name,
            tier=tier,
            size=size,
            created_at=now(),
        )
    )
    return disk_id


def _lock(tx: Tx, key: SpaceKey) -> None:
    """Two that give a Space its first disk at once must not both do it."""
    tx.execute(select(space_rows.c.key).where(space_rows.c.key == key).with_for_update())


def _mounted_at(tx: Tx, key: SpaceKey, path: str) -> bool:
    here = (volume_rows.c.space_key == key, volume_rows.c.mount_path == path)
    return tx.execute(select(volume_rows.c.position).where(*here)).first() is not None


def _disk(row: Mapping[Any, Any]) -> Disk:
    return Disk(**{name: row[name] for name in Disk.__dataclass_fields__})
