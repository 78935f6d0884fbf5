"""What the network policy kept a Space's app from."""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import web

from hub.context import HubContext
from spaceport.engine import Engine, EngineDown, NoSuchContainer, Refused
from spaceport.ledger import replicas
from spaceport.names import SpaceKey

MOST = 50


ENGINE: web.AppKey[Engine] = web.AppKey("engine", Engine)
"""What the apps of this process run on, where it runs any."""


async def refused_by(context: HubContext, app: web.Application, key: SpaceKey) -> Sequence[Refused]:
    """Of the containers that run now, within the last hour; the most frequent first."""
    engine = app.get(ENGINE)

    def handles() -> list[str]:
        with context.ledger.read() as tx:
            return [one.handle for one in replicas.alive(tx, key) if one.handle]

    found: list[Refused] = []
    if engine is None:
        return found
    for handle in await context.pools.run("db", handles):
        try:
            found += await context.pools.run("engine", engine.refused, handle)
        except (NoSuchContainer, EngineDown):
            continue
    return sorted(found, key=lambda one: -one.count)[:MOST]
