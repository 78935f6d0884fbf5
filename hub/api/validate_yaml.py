"""`POST /api/validate-yaml`: asked before every upload with a README (hub-api 0.5, 6.1)."""

from __future__ import annotations

from aiohttp import web

from hub.api.body import Body
from hub.api.call import Call, answer
from hub.api.errors import ApiError
from spaceport.card import read_card


class Readme(Body):
    content: str
    repoType: str = "space"


async def validate_yaml(call: Call) -> web.StreamResponse:
    """200 with warnings, or 400 with every problem; no block at all is a warning only."""
    body = await call.body(Readme)
    reading = await call.context.pools.run(
        "files", read_card, body.content.encode("utf-8", "replace")
    )
    warnings = [{"message": warning} for warning in reading.warnings]
    if reading.problems:
        errors = [{"message": problem} for problem in reading.problems]
        raise ApiError(
            400, " ".join(reading.problems), more={"errors": errors, "warnings": warnings}
        )
    return answer({"errors": [], "warnings": warnings})
