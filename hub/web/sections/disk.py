"""What a Space takes on the server's disk."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hub.disk import disk_of
from hub.web.visit import Visit
from spaceport.ledger.overview import Overview


async def section(visit: Visit, view: Overview) -> Mapping[str, Any]:
    """`disk`: its parts and what is its own; `kept_releases`: how many versions stay."""
    found = await visit.on("files", disk_of, visit.context, view.space.key)
    return {"disk": found, "kept_releases": visit.context.settings.builder.keep_releases}
