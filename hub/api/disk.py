"""What a Space takes on the server's disk. The original has no such call."""

from __future__ import annotations

from aiohttp import web

from hub.api.call import Call, answer
from hub.disk import disk_of


async def disk(call: Call) -> web.StreamResponse:
    """Bytes by part, null for what the engine keeps; `sharedWith` counts other Spaces."""
    found = await call.context.pools.run("files", disk_of, call.context, call.space.key)
    parts = [
        {"name": part.name, "bytes": part.bytes, "count": part.count, "sharedWith": part.shared}
        for part in found.parts
    ]
    return answer({"own": found.own, "parts": parts})
