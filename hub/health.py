"""`GET /healthz`: 200 when Spaceport can take a push and serve an app, with each part as JSON."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from aiohttp import web
from sqlalchemy import text

from hub.context import HubContext
from spaceport.engine import Engine
from spaceport.errors import SpaceportError

Part = Callable[[], Awaitable[str]]
SECONDS = 5.0


class Health:
    """The engine may be away for a while without making the hub unhealthy: apps go on running."""

    def __init__(self, context: HubContext, engine: Engine) -> None:
        self._context = context
        self._engine = engine

    def add_routes(self, app: web.Application) -> None:
        app.router.add_get("/healthz", self._answer)

    async def _answer(self, request: web.Request) -> web.Response:
        ledger, engine = await asyncio.gather(_ask(self._ledger), _ask(self._probe))
        door = self._context.ssh
        ssh = "not served" if door is None else f"at {door.host}:{door.port}"
        parts = {"ledger": ledger, "engine": engine, "ssh": ssh}
        headers = {"Cache-Control": "no-store"}
        return web.json_response(
            {"ready": ledger == "ok", "parts": parts},
            status=200 if ledger == "ok" else 503,
            headers=headers,
        )

    async def _ledger(self) -> str:
        return await self._context.pools.run("db", self._read)

    def _read(self) -> str:
        with self._context.ledger.read() as tx:
            tx.execute(text("SELECT 1"))
        return "ok"

    async def _probe(self) -> str:
        info = await self._context.pools.run("engine", self._engine.probe)
        return f"{info.name} {info.version}"


async def _ask(part: Part) -> str:
    """What a part says of itself, or what is wrong with it; nothing that helps an attacker."""
    try:
        return await asyncio.wait_for(part(), SECONDS)
    except TimeoutError:
        return "does not answer in time"
    except (SpaceportError, OSError) as error:
        return f"down: {type(error).__name__}"
