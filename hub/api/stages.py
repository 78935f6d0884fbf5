"""A Space's runtime object as server-sent events: at connect and at every change (15.2).

The object is computed anew when something of the Space was written, and now and then without that;
what was told last is not told again.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress

from aiohttp import web

from hub.api.access import may_still
from hub.api.call import Call
from hub.api.changes import Changes
from hub.api.streams import EVENT_STREAMS, KEEP_ALIVE, open_stream
from hub.api.wire import runtime_json
from spaceport.authorize import Action
from spaceport.errors import NotFound
from spaceport.ledger.overview import overview

CHANGES: web.AppKey[Changes] = web.AppKey("changes", Changes)

BREATH = 0.05  # seconds: many writes in a row are one change


async def stream(call: Call) -> web.StreamResponse:
    """`GET /api/spaces/{id}/events`. It ends with the Space, and with the right to see it."""
    changes = call.request.app[CHANGES]
    async with open_stream(call, EVENT_STREAMS) as answer:
        with changes.of(call.space.key) as changed:
            await _send(call, answer, changed)
    return answer


async def _send(call: Call, answer: web.StreamResponse, changed: asyncio.Event) -> None:
    settings, loop = call.context.settings.hub, asyncio.get_running_loop()
    told, checked = "", loop.time()
    while True:
        changed.clear()
        try:
            view = await call.read(lambda tx: overview(tx, call.space.key))
        except NotFound:
            return
        present = json.dumps(runtime_json(call.context, view))
        if present != told:
            await answer.write(f"data: {present}\n\n".encode())
            told = present
        else:
            await answer.write(KEEP_ALIVE)
        with suppress(TimeoutError):
            async with asyncio.timeout(min(settings.keep_alive, settings.recheck)):
                await changed.wait()
                await asyncio.sleep(BREATH)
        if loop.time() - checked >= settings.recheck:
            if not await may_still(call, Action.USE_APP):
                return
            checked = loop.time()
