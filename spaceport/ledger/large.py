"""Large objects of git-lfs: which Space holds which, and how much room there is for more.

A Space holds an object because its bytes came there once (LFS-04); a hash alone gives nothing. The
bytes themselves lie in the object store, once for all Spaces.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, delete, func, insert, select, update

from spaceport.errors import NotFound, SpaceportError
from spaceport.ledger import facts
from spaceport.ledger.columns import now
from spaceport.ledger.database import Tx
from spaceport.ledger.tables import accounts, large_objects, large_uploads, spaces
from spaceport.names import SpaceId, SpaceKey

COLLECTING = "large.gc"
"""The fact that whoever removes objects holds alone, and whoever adds a holder holds shared."""

RENEW = timedelta(hours=12)
"""A use is noted once in so long; what is collected has not been used for longer than twice."""


class QuotaFull(SpaceportError):
    """Raised when a Space or its owner has no room for an object (HTTP 507)."""


@dataclass(frozen=True)
class Quota:
    """Bytes of large objects that a Space, and all Spaces of one owner, may hold; 0: no limit.

    `by` is the account of somebody who may only contribute; what such a one may bring to all Spaces
    together is `contributor` bytes, until it is merged.
    """

    space: int = 0
    owner: int = 0
    contributor: int = 0
    by: str = ""

    @property
    def unlimited(self) -> bool:
        return not self.space and not self.owner and not (self.by and self.contributor)


UNLIMITED = Quota()


@dataclass(frozen=True)
class Held:
    """An object of a Space. `oid` is the SHA-256, `blob_id` git's name of the content if known."""

    oid: str
    size: int
    blob_id: str | None
    needed_at: datetime


def held(tx: Tx, key: SpaceKey, oids: Collection[str] | None = None) -> dict[str, Held]:
    """Those of `oids` that the Space holds, by oid; None asks for all."""
    query = select(large_objects).where(large_objects.c.space_key == key)
    if oids is not None:
        query = query.where(large_objects.c.oid.in_(oids))
    return {
        row["oid"]: Held(row["oid"], row["size"], row["blob_id"], row["needed_at"])
        for row in tx.execute(query).mappings()
    }


def renew(tx: Tx, key: SpaceKey, oid: str) -> bool:
    """Note that the object is needed now, so that no collector takes it; false if it is gone."""
    here = (large_objects.c.space_key == key, large_objects.c.oid == oid)
    return bool(tx.execute(update(large_objects).where(*here).values(needed_at=now())).rowcount)


def promise(
    tx: Tx, key: SpaceKey, wanted: Iterable[tuple[str, int]], quota: Quota, until: datetime
) -> dict[str, QuotaFull]:
    """Set room aside for uploads of these (oid, size), in this order; why not, for those that do
    not fit. Parallel uploads cannot overshoot the quota, since each has its room beforehand."""
    if quota.unlimited:
        return {}
    refused: dict[str, QuotaFull] = {}
    owner = _owner(tx, key)
    tx.execute(delete(large_uploads).where(large_uploads.c.expires_at <= now()))
    wanted = list(wanted)
    here = (large_uploads.c.space_key == key, large_uploads.c.oid.in_([oid for oid, _ in wanted]))
    tx.execute(delete(large_uploads).where(*here))  # asked for again: it needs its room once
    used = _used(tx, key, owner, quota.by)
    for oid, size in wanted:
        full = _full(used, size, quota)
        if full is not None:
            refused[oid] = full
            continue
        used = _Used(used.space + size, used.owner + size, used.contributor + size)
        row = {"space_key": key, "oid": oid, "size": size, "expires_at": until}
        tx.execute(insert(large_uploads).values(**row, contributor_id=quota.by or None))
    return refused


def shortage(tx: Tx, key: SpaceKey, size: int, quota: Quota) -> QuotaFull | None:
    """Why so many bytes more would not fit now; None if they would. Sets nothing aside."""
    if quota.unlimited:
        return None
    return _full(_used(tx, key, _owner(tx, key), quota.by), size, quota)


def hold(
    tx: Tx,
    key: SpaceKey,
    oid: str,
    size: int,
    quota: Quota = UNLIMITED,
    *,
    actor_id: str | None = None,
    blob_id: str | None = None,
) -> None:
    """The Space holds the object from now on; its bytes must have come and be durable.

    Raises `QuotaFull` when no room was set aside and none is left, `NotFound` for a Space that is
    deleted.
    """
    owner = _owner(tx, key)
    if tx.dialect.name != "sqlite":  # there all writers take turns
        facts.get(tx, COLLECTING, hold="shared")
    here = (large_objects.c.space_key == key, large_objects.c.oid == oid)
    values: dict[str, Any] = {"needed_at": now()}
    if blob_id is not None:
        values["blob_id"] = blob_id
    if tx.execute(update(large_objects).where(*here).values(values)).rowcount:
        return
    if not quota.unlimited:
        _take_room(tx, key, owner, oid, size, quota)
    tx.execute(
        insert(large_objects).values(
            space_key=key,
            oid=oid,
            size=size,
            blob_id=blob_id,
            actor_id=actor_id,
            contributed=bool(quota.by),
            created_at=now(),
            needed_at=values["needed_at"],
        )
    )


def adopt(tx: Tx, key: SpaceKey, actor_id: str) -> None:
    """What somebody contributed counts as the Space's own from now on: it was merged."""
    here = (large_objects.c.space_key == key, large_objects.c.actor_id == actor_id)
    tx.execute(update(large_objects).where(*here).values(contributed=False))


def let_go(tx: Tx, key: SpaceKey, oids: Collection[str], before: datetime) -> int:
    """The Space holds these no longer, but for those that were needed since `before`."""
    gone = 0
    for oid in oids:
        here = (large_objects.c.space_key == key, large_objects.c.oid == oid)
        old = large_objects.c.needed_at < before
        gone += tx.execute(delete(large_objects).where(*here, old)).rowcount
    return gone


def unheld(tx: Tx, oid: str) -> bool:
    """Whether no Space holds the object; nobody can begin to until `tx`, a writing one, ends."""
    facts.put(tx, COLLECTING, now().isoformat())
    query = select(large_objects.c.oid).where(large_objects.c.oid == oid).limit(1)
    return tx.execute(query).first() is None


def held_anywhere(tx: Tx, oids: Collection[str]) -> set[str]:
    """Those of `oids` that some Space holds."""
    query = select(large_objects.c.oid).where(large_objects.c.oid.in_(oids)).distinct()
    return set(tx.execute(query).scalars())


def holders(tx: Tx) -> dict[str, set[SpaceId]]:
    """Every object that is held, with the Spaces that hold it; deleted ones do not count."""
    joined = large_objects.join(spaces, spaces.c.key == large_objects.c.space_key)
    joined = joined.join(accounts, accounts.c.id == spaces.c.owner_id)
    query = select(large_objects.c.oid, accounts.c.name, spaces.c.name).select_from(joined)
    found: dict[str, set[SpaceId]] = {}
    for oid, author, name in tx.execute(query.where(spaces.c.deleted_at.is_(None))):
        found.setdefault(oid, set()).add(SpaceId(author, name))
    return found


def used(tx: Tx, key: SpaceKey) -> int:
    """Bytes of the large objects that a Space holds."""
    query = select(func.coalesce(func.sum(large_objects.c.size), 0))
    return int(tx.execute(query.where(large_objects.c.space_key == key)).scalar_one())


@dataclass(frozen=True)
class _Used:
    space: int
    owner: int
    contributor: int


def _owner(tx: Tx, key: SpaceKey) -> str:
    """The owner's id; on PostgreSQL others wait here, so that two never count the same room."""
    query = select(spaces.c.owner_id).where(spaces.c.key == key, spaces.c.deleted_at.is_(None))
    owner = tx.execute(query).scalar()
    if owner is None:
        raise NotFound("There is no such Space.")
    if tx.dialect.name != "sqlite":
        tx.execute(select(accounts.c.id).where(accounts.c.id == owner).with_for_update())
    return str(owner)


def _take_room(tx: Tx, key: SpaceKey, owner: str, oid: str, size: int, quota: Quota) -> None:
    """What was set aside for this object; without it, what is left. Raises `QuotaFull`."""
    mine = (large_uploads.c.space_key == key, large_uploads.c.oid == oid)
    promised = tx.execute(select(large_uploads.c.size).where(*mine)).scalar()
    tx.execute(delete(large_uploads).where(*mine))
    if promised is None or promised < size:
        full = _full(_used(tx, key, owner, quota.by), size, quota)
        if full is not None:
            raise full


def _used(tx: Tx, key: SpaceKey, owner: str, by: str) -> _Used:
    """What is held and promised."""
    space = total = 0
    for table in (large_objects, large_uploads):
        size = func.coalesce(func.sum(table.c.size), 0)
        own: Select[Any] = select(size).where(table.c.space_key == key)
        space += int(tx.execute(own).scalar_one())
        joined = table.join(spaces, spaces.c.key == table.c.space_key)
        theirs = select(size).select_from(joined).where(spaces.c.owner_id == owner)
        total += int(tx.execute(theirs.where(spaces.c.deleted_at.is_(None))).scalar_one())
    return _Used(space, total, _contributed(tx, by) if by else 0)


def _contributed(tx: Tx, by: str) -> int:
    """What an account brought, or was promised to bring, to Spaces of others, wherever."""
    theirs = (large_objects.c.actor_id == by, large_objects.c.contributed.is_(True))
    held = select(func.coalesce(func.sum(large_objects.c.size), 0)).where(*theirs)
    promised = select(func.coalesce(func.sum(large_uploads.c.size), 0))
    promised = promised.where(large_uploads.c.contributor_id == by)
    return sum(int(tx.execute(query).scalar_one()) for query in (held, promised))


def _full(used: _Used, size: int, quota: Quota) -> QuotaFull | None:
    for whose, limit, present in (
        ("This Space", quota.space, used.space),
        ("The owner of this Space", quota.owner, used.owner),
    ):
        if limit and present + size > limit:
            return QuotaFull(
                f"{whose} may hold {limit} bytes of large files and has {present}; "
                f"{size} more do not fit.",
                hint="Remove large files from the history and let 'spaceport gc' run, or ask the "
                "administrator for more room (lfs.space_bytes, lfs.owner_bytes).",
            )
    present = used.contributor
    if quota.by and quota.contributor and present + size > quota.contributor:
        return QuotaFull(
            f"Who may not write to a Space may bring {quota.contributor} bytes of large files to "
            f"pull requests, and you have brought {present}; {size} more do not fit.",
            hint="They count until they are merged. Have somebody push these files who may write, "
            "or ask the administrator for more room (lfs.contributor_bytes).",
        )
    return None
