"""The volumes of a Space: other repositories and buckets that its app finds mounted (4.5, newer).

Repositories are read-only, buckets are not unless asked. Whether the one who added a volume may
read its source is asked then, and again at each start.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import delete, insert, select

from spaceport.errors import Invalid
from spaceport.ledger import spaces
from spaceport.ledger.database import Tx
from spaceport.ledger.tables import volumes
from spaceport.names import SpaceKey

MOST = 20


class Kind(StrEnum):
    SPACE = "space"
    BUCKET = "bucket"


@dataclass(frozen=True)
class Volume:
    """A row of `volumes`. `source_key` is the key of a Space, or the id of a bucket's disk."""

    kind: Kind
    source: str
    source_key: str
    mount_path: str
    revision: str | None = None
    path: str | None = None
    read_only: bool = True
    added_by: str | None = None


def of(tx: Tx, key: SpaceKey) -> tuple[Volume, ...]:
    """In the order in which they were given."""
    query = select(volumes).where(volumes.c.space_key == key).order_by(volumes.c.position)
    return tuple(
        Volume(
            kind=Kind(row["kind"]),
            source=row["source"],
            source_key=row["source_key"],
            mount_path=row["mount_path"],
            revision=row["revision"],
            path=row["path"],
            read_only=row["read_only"],
            added_by=row["added_by"],
        )
        for row in tx.execute(query).mappings()
    )


def replace(
    tx: Tx, key: SpaceKey, wanted: Sequence[Volume], *, actor_id: str | None = None
) -> bool:
    """Mount these and no others; false when that is so already. The app restarts with them.

    Raises `Invalid` for more than a Space may have.
    """
    if len(wanted) > MOST:
        raise Invalid(f"A Space has at most {MOST} volumes.")
    if tuple(wanted) == of(tx, key):
        return False
    tx.execute(delete(volumes).where(volumes.c.space_key == key))
    for position, volume in enumerate(wanted):
        values = {**volume.__dict__, "kind": volume.kind.value}
        tx.execute(insert(volumes).values(space_key=key, position=position, **values))
    told = [volume.source for volume in wanted]
    spaces.settings_changed(tx, key, actor_id=actor_id, volumes=told)
    return True
