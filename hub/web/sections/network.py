"""What a Space may reach outside, and what it was kept from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hub.refused import refused_by
from hub.web.visit import Visit
from spaceport.egress import Preset
from spaceport.ledger import egress
from spaceport.ledger.overview import Overview

PRESETS = (
    (Preset.DEFAULT, "The web", "Public addresses, TCP ports 80, 443 and 8080."),
    (Preset.ALLOW_LIST, "Only what is listed", "These destinations, and nothing else."),
    (Preset.INDEX_ONLY, "Only the package index, at build", "Nothing while the app runs."),
    (Preset.NONE, "Nothing", "Not even at build."),
)


async def section(visit: Visit, view: Overview) -> Mapping[str, Any]:
    """`egress`, the choices `presets`, and `refused` attempts of the last hour."""
    key = view.space.key
    return {
        "egress": await visit.read(lambda tx: egress.of(tx, key)),
        "presets": PRESETS,
        "refused": await refused_by(visit.context, visit.request.app, key),
    }
