"""What all server-sent streams of the API have in common: their head, and how many there may be."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from aiohttp import web

from config.hub import ApiLimits
from hub.api.call import Call
from hub.api.errors import ApiError

KEEP_ALIVE = b"data:\n\n"


class Streams:
    """Those that are open, each by the task that writes it."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.open: set[asyncio.Task[object]] = set()

    async def close(self, _app: web.Application) -> None:
        """End them: they would last until the end of the patience with requests under way."""
        for task in self.open:
            task.cancel()


STREAMS: web.AppKey[Streams] = web.AppKey("streams", Streams)
"""Of logs and figures, for those who may read them."""
EVENT_STREAMS: web.AppKey[Streams] = web.AppKey("event_streams", Streams)
"""Of stages, for every visitor: however many there are, owners still get their logs."""


def add_streams(app: web.Application, limits: ApiLimits) -> None:
    """Make both, and end what is open when the application stops."""
    for key, most in ((STREAMS, limits.log_streams), (EVENT_STREAMS, limits.event_streams)):
        app[key] = Streams(most)
        app.on_shutdown.append(app[key].close)


@asynccontextmanager
async def open_stream(
    call: Call, among: web.AppKey[Streams] = STREAMS
) -> AsyncIterator[web.StreamResponse]:
    """An answer whose head has left, until it is complete. 503 when too many are open."""
    streams = call.request.app[among]
    task = asyncio.current_task()
    if task is None or len(streams.open) >= streams.most:
        raise ApiError(503, "Too many streams are being followed", headers={"Retry-After": "10"})
    streams.open.add(task)
    try:
        answer = web.StreamResponse(
            headers={
                "Content-Type": "text/event-stream",
                "Cache-Control": "no-cache, no-transform",
                "X-Accel-Buffering": "no",
                "X-Content-Type-Options": "nosniff",
            }
        )
        answer.headers["X-Request-Id"] = call.request_id
        await answer.prepare(call.request)
        with suppress(ConnectionError):
            await answer.write(KEEP_ALIVE)  # the head leaves at once, whatever comes
            yield answer
            await answer.write_eof()
    finally:
        streams.open.discard(task)
