"""Variables with their values, secrets without."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hub.web.visit import Visit
from spaceport.ledger import secrets, variables
from spaceport.ledger.overview import Overview


async def section(visit: Visit, view: Overview) -> Mapping[str, Any]:
    """`variables` and `secrets`: the entries of each."""
    key = view.space.key
    shown, hidden = await visit.read(lambda tx: (variables.listed(tx, key), secrets.names(tx, key)))
    return {"variables": shown, "secrets": hidden}
