"""What clients ask in passing; answered cheaply, and nothing is kept of it (hub-api 2.5)."""

from __future__ import annotations

from aiohttp import web

from hub.api.call import Call, answer


async def harnesses(call: Call) -> web.StreamResponse:
    return answer({"standardEnvVars": [], "harnesses": {}})


async def telemetry(call: Call) -> web.StreamResponse:
    return web.Response()
