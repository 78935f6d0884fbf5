"""A body of JSON lines, read as it comes; only one line of it is kept (hub-api 6.3)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from aiohttp import web

from hub.api.body import check_size, too_large
from hub.api.errors import ApiError


async def read_lines(
    request: web.Request, *, limit: int, line_limit: int, idle: float
) -> AsyncIterator[bytes]:
    """Each line without its end; empty ones are passed over.

    Raises 413 above `limit` bytes in all, 422 for a longer line, 408 after `idle` silent seconds.
    """
    check_size(request, limit)
    rest = bytearray()
    size = 0
    while True:
        try:
            piece = await asyncio.wait_for(request.content.readany(), idle)
        except TimeoutError:
            raise ApiError(408, "The body did not arrive in time") from None
        if not piece:
            break
        size += len(piece)
        if size > limit:
            raise too_large(limit)
        start = 0
        while (end := piece.find(b"\n", start)) >= 0:
            rest += piece[start:end]
            if rest.strip():
                yield bytes(rest)
            rest = bytearray()
            start = end + 1
        rest += piece[start:]
        if len(rest) > line_limit:
            raise ApiError(422, "One operation of this commit is too large")
    if rest.strip():
        yield bytes(rest)
