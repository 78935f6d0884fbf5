"""Discussions and pull requests: there are none here, and clients can tell (hub-api 12)."""

from __future__ import annotations

from aiohttp import web

from hub.api.call import Call, answer
from hub.api.errors import ApiError

NO_PULL_REQUESTS = "This server has no pull requests; commit to a branch instead"


async def listed(call: Call) -> web.StreamResponse:
    return answer({"discussions": [], "count": 0, "start": 0, "numClosedDiscussions": 0})


async def begin(call: Call) -> web.StreamResponse:
    """400; also what `create_pr=True` of a folder's upload asks for first."""
    raise ApiError(400, f"This server has no discussions. {NO_PULL_REQUESTS}.")
