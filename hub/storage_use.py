"""How much of a disk is used, as people are told."""

from __future__ import annotations

from dataclasses import dataclass

from hub.context import HubContext
from runtime.storage.disks import Disks
from spaceport.ledger.volumes import Disk, size_text


@dataclass(frozen=True)
class Use:
    """Bytes; `size` 0 is no limit, `known` false is not used yet."""

    used: int = 0
    size: int = 0
    known: bool = False

    @property
    def sentence(self) -> str:
        if not self.known:
            return "Nothing is in it yet."
        if not self.size:
            return f"{size_text(self.used)} used; this server sets no limit."
        return f"{size_text(self.used)} of {size_text(self.size)} used."


def use_of(context: HubContext, disk: Disk) -> Use:
    """Blocks; cheap but for a plain folder, whose files are counted."""
    found = Disks(context.data, context.settings.runtime.storage).filled(disk.id)
    if found is None:
        return Use(size=disk.size)
    return Use(found.used, disk.size if found.size else 0, known=True)
