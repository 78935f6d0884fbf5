"""How much room a Space's repository takes."""

from __future__ import annotations

from gitserver.receive.store import size_on_disk
from hub.context import HubContext
from spaceport.ledger import large
from spaceport.ledger.spaces import Space


def used_storage(context: HubContext, space: Space) -> int:
    """Bytes of the whole history in git, and of the Space's large objects. Blocks."""
    with context.ledger.read() as tx:
        held = large.used(tx, space.key)
    return held + size_on_disk(context.repositories.path(space.key) / "objects")
