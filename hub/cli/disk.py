"""`spaceport space disk`."""

from __future__ import annotations

from hub.cli.common import Data, opened, table
from hub.cli.spaces import SpaceOrPreview, find_any
from hub.disk import disk_of


def disk(name: SpaceOrPreview, data: Data = None) -> None:
    """Show what a Space takes on the disk, in bytes."""
    with opened(data) as context:
        with context.ledger.read() as tx:
            key = find_any(tx, name).key
        found = disk_of(context, key)
    rows = [(part.name, part.bytes, part.count, part.shared) for part in found.parts]
    table(("PART", "BYTES", "NUMBER", "SHARED WITH"), [*rows, ("its own", found.own, None, None)])
