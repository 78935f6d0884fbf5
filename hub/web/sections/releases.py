"""Which version ran when, and which can run again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hub.releases import listed
from hub.web.visit import Visit
from spaceport.ledger.overview import Overview


async def section(visit: Visit, view: Overview) -> Mapping[str, Any]:
    """`releases`: the history."""
    return {"releases": await visit.on("git", listed, visit.context, view.space.key)}
