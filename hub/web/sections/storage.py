"""The Space's persistent storage, how full it is, what it could have, and its volumes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from config.catalogue import FREE_FLAVOR, GIB, StorageTier
from hub.storage import shown_volumes
from hub.storage_use import Use, use_of
from hub.web.visit import Visit
from spaceport.ledger.overview import Overview
from spaceport.ledger.volumes import size_text


@dataclass(frozen=True)
class Choice:
    tier: StorageTier
    size: str
    present: bool
    smaller: bool


async def section(visit: Visit, view: Overview) -> Mapping[str, Any]:
    """`storage`: the present one; `tiers`: the choices; `volumes`: as the visitor may see them."""
    catalogue = visit.context.catalogue
    flavor = view.space.flavor if catalogue.has_flavor(view.space.flavor) else FREE_FLAVOR
    disk, use = view.disk, Use()
    if disk is not None:
        use = await visit.on("files", use_of, visit.context, disk)
    size = disk.size if disk is not None else 0
    choices = [
        Choice(
            tier,
            size_text(tier.size * GIB),
            present=disk is not None and disk.tier == tier.slug,
            smaller=tier.size * GIB < size,
        )
        for tier in catalogue.storage
    ]
    return {
        "storage": disk,
        "storage_use": use,
        "ephemeral": size_text(catalogue.flavor(flavor).disk_bytes),
        "tiers": choices,
        "volumes": await visit.read(lambda tx: shown_volumes(tx, visit.actor, view)),
    }
