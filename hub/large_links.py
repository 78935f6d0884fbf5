"""What a copy of a Space gets of its source's large objects."""

from __future__ import annotations

from spaceport.ledger import Tx
from spaceport.names import SpaceKey


def copy_large_links(tx: Tx, source: SpaceKey, target: SpaceKey) -> None:
    """Let `target`, a copy of `source` that is being made in this transaction, hold the large
    objects that its history names. Bytes are not copied: both Spaces hold the same objects.

    This version stores no git-lfs objects, so there is nothing to link.
    """
