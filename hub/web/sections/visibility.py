"""Who may see a Space: the choices."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hub.web.pages.create import VISIBILITIES
from hub.web.visit import Visit
from spaceport.ledger.overview import Overview


async def section(visit: Visit, view: Overview) -> Mapping[str, Any]:
    """`visibilities`: value, title and what it means."""
    return {"visibilities": VISIBILITIES}
