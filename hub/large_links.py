"""What a copy of a Space gets of its source's large objects."""

from __future__ import annotations

from collections.abc import Collection

from spaceport.ledger import Tx, large
from spaceport.ledger.large import Quota
from spaceport.names import SpaceKey


def copy_large_links(
    tx: Tx,
    source: SpaceKey,
    target: SpaceKey,
    named: Collection[str],
    quota: Quota,
    *,
    actor_id: str | None = None,
) -> None:
    """Let `target`, a copy of `source` that is being made in this transaction, hold the large
    objects that `source` holds and that the copied history names. No bytes are copied.

    Not the others: whoever could name them in a push would read what the source took back
    (LFS-04). Raises `QuotaFull`: objects count for each Space that holds them.
    """
    held = large.held(tx, source)
    for oid in sorted(held.keys() & set(named)):
        one = held[oid]
        large.hold(tx, target, oid, one.size, quota, actor_id=actor_id, blob_id=one.blob_id)
