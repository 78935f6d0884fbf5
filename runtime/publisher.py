"""Keeps the proxy's table of routes equal to the ledger.

The supervisor's process calls `refresh` after each of its own changes; a process that only serves
traffic follows the event log with `run`.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterable
from pathlib import Path

from runtime.freezer import Freezer
from runtime.proxy.routes import Connect, Route, RouteTable
from runtime.routing import Surroundings, route_of
from spaceport.engine import Engine, NoSuchContainer
from spaceport.errors import NotFound
from spaceport.follower import Follower
from spaceport.ledger import Ledger, spaces
from spaceport.ledger.database import Tx
from spaceport.ledger.overview import overview
from spaceport.ledger.replicas import Replica
from spaceport.names import SpaceKey
from spaceport.pools import Pools

DIAL_SECONDS = 5.0
DIALS = 8  # at once for one replica: one that takes no connections must not hold up the others

Publish = Callable[[RouteTable], None]


class Publisher:
    """Calls `publish`, on the loop, with a new table whenever a route changed."""

    def __init__(
        self,
        ledger: Ledger,
        pools: Pools,
        engine: Engine,
        publish: Publish,
        *,
        data: Path,
        hub_url: str,
    ) -> None:
        self._ledger = ledger
        self._pools = pools
        self._engine = engine
        self._publish = publish
        self.freezer = Freezer(ledger, pools, engine, self.refresh)
        self._around = Surroundings(data, hub_url, self.dial, self.freezer.thaw_of)
        self._routes: dict[SpaceKey, Route] = {}
        self._busy: dict[SpaceKey, asyncio.Lock] = {}

    async def load(self) -> None:
        """Publish the routes of every Space at once."""
        routes = await self._pools.run("db", self._read_all)
        self._routes = {route.space_key: route for route in routes}
        self._publish_all()

    async def refresh(self, key: SpaceKey) -> None:
        """Publish the present route of one Space; returns when the proxy has it."""
        lock = self._busy.setdefault(key, asyncio.Lock())
        async with lock:  # an older reading must not overtake a newer one
            route = await self._pools.run("db", self._read, key)
            if route == self._routes.get(key):
                return
            if route is None:
                self._routes.pop(key)
                self._busy.pop(key, None)
            else:
                self._routes[key] = route
            self._publish_all()

    async def run(self, name: str) -> None:
        """Follow the ledger until cancelled; `name` is this process's own cursor."""
        await self.load()
        await Follower(name, self._ledger, self._pools, self.refresh, self._keys).run()

    def dial(self, replica: Replica) -> Connect:
        """A way to this very container, never to whoever has its address (PX-18)."""
        handle, port = replica.handle, replica.port
        turn = asyncio.Semaphore(DIALS)

        async def connect() -> socket.socket:
            if handle is None:
                raise NoSuchContainer("This replica has no container yet.")
            async with turn:
                return await self._pools.run(
                    "dial", self._engine.connect, handle, port, DIAL_SECONDS
                )

        return connect

    def _publish_all(self) -> None:
        self._publish(RouteTable(self._routes.values()))

    async def _keys(self) -> Iterable[SpaceKey]:
        return await self._pools.run("db", self._read_keys)

    def _read_keys(self) -> set[SpaceKey]:
        with self._ledger.read() as tx:
            return {*spaces.keys(tx), *self._routes}

    def _read_all(self) -> list[Route]:
        with self._ledger.read() as tx:
            found = [self._route(tx, key) for key in spaces.keys(tx)]
        return [route for route in found if route is not None]

    def _read(self, key: SpaceKey) -> Route | None:
        with self._ledger.read() as tx:
            return self._route(tx, key)

    def _route(self, tx: Tx, key: SpaceKey) -> Route | None:
        try:
            return route_of(overview(tx, key), self._around)
        except NotFound:
            return None
