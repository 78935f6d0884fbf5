"""The previews of a Space's branches: where, in which stage, and until when."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hub.previews import listed
from hub.web.visit import Visit
from spaceport.ledger.overview import Overview


async def section(visit: Visit, view: Overview) -> Mapping[str, Any]:
    """`previews`: a line for each; `previewing`: the server's settings of previews."""
    lines = await visit.read(lambda tx: listed(tx, visit.context, view.space.key))
    return {"previews": lines, "previewing": visit.context.settings.previews}
