"""Logs of build and run as server-sent events (hub-api 11.1, spaces-behaviour 15.1).

Every connection gets the log from its first line, then what is written, until build or replica has
ended and all of it was told. Clients read lines that begin with `data: {` and skip the rest.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import suppress
from dataclasses import asdict
from typing import Literal

from aiohttp import web

from hub.api.access import may_still
from hub.api.call import Call
from hub.api.errors import ApiError
from hub.api.streams import KEEP_ALIVE, open_stream
from spaceport import logbook
from spaceport.authorize import Action
from spaceport.ledger.logs import (
    build_ended,
    newest_build,
    newest_replica,
    previous_build,
    previous_replica,
    replica_ended,
)
from spaceport.logbook import LogEntry

LOOK_EVERY = 0.3  # seconds between looks for a first build or replica


async def build(call: Call) -> web.StreamResponse:
    return await _stream(call, "build")


async def run(call: Call) -> web.StreamResponse:
    return await _stream(call, "run")


async def _stream(call: Call, kind: Literal["build", "run"]) -> web.StreamResponse:
    """With `?previous=true` the log of the build or run before the newest (15.1.4)."""
    tail, previous = _tail(call), None
    if call.flag("previous"):
        before = previous_build if kind == "build" else previous_replica
        previous = await call.read(lambda tx: before(tx, call.space.key))
        if previous is None:
            raise ApiError(404, f"There was no {kind} before the newest one")
    async with open_stream(call) as answer:
        await _send(call, answer, kind, tail, previous)
    return answer


async def _send(
    call: Call,
    answer: web.StreamResponse,
    kind: Literal["build", "run"],
    tail: int | None,
    subject: str | None,
) -> None:
    settings = call.context.settings.hub
    loop = asyncio.get_running_loop()
    checked = loop.time()
    entries = _entries(call, kind, tail, subject)
    waiting: asyncio.Task[LogEntry | None] | None = None
    try:
        while True:
            waiting = waiting or asyncio.ensure_future(anext(entries, None))
            done, _ = await asyncio.wait({waiting}, timeout=settings.keep_alive)
            if loop.time() - checked >= settings.recheck:
                if not await may_still(call, Action.READ_LOGS):
                    return
                checked = loop.time()
            if not done:
                await answer.write(KEEP_ALIVE)
                continue
            entry, waiting = waiting.result(), None
            if entry is None:
                return
            await answer.write(f"data: {json.dumps(asdict(entry))}\n\n".encode())
    finally:
        if waiting is not None:
            waiting.cancel()
            with suppress(asyncio.CancelledError):
                await waiting
        await entries.aclose()


async def _entries(
    call: Call, kind: Literal["build", "run"], tail: int | None, subject: str | None
) -> AsyncGenerator[LogEntry]:
    key = call.space.key
    if subject is None:
        subject = await _newest(call, kind)
    path = logbook.log_path(call.context.data, key, kind, subject)

    async def ended() -> bool:
        over = build_ended if kind == "build" else replica_ended
        return await call.read(lambda tx: over(tx, subject))

    skip = 0
    if tail is not None:
        present = await call.context.pools.run("files", logbook.read, path)
        skip = max(0, len(present) - tail)
    async for entry in logbook.follow(path, ended):
        if skip:
            skip -= 1
        else:
            yield entry


async def _newest(call: Call, kind: Literal["build", "run"]) -> str:
    newest = newest_build if kind == "build" else newest_replica
    while (found := await call.read(lambda tx: newest(tx, call.space.key))) is None:  # noqa: ASYNC110
        await asyncio.sleep(LOOK_EVERY)  # another process may write it
    return found


def _tail(call: Call) -> int | None:
    given = call.request.query.get("tail")
    if given is None:
        return None
    if not given.isascii() or not given.isdigit() or len(given) > 9:
        raise ApiError(400, "tail must be a number")
    return int(given)
