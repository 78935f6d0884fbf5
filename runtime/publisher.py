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
from runtime.routing import Surroundings, redirects, route_of
from spaceport.engine import Engine, NoSuchContainer
from spaceport.errors import NotFound
from spaceport.follower import Follower
from spaceport.ledger import Ledger, former_ids, spaces
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
        self._routes: dict[SpaceKey, tuple[Route, ...]] = {}
        self._busy: dict[SpaceKey, asyncio.Lock] = {}

    async def load(self) -> None:
        """Publish the routes of every Space at once."""
        self._routes = await self._pools.run("db", self._read_all)
        self._publish_all()

    async def refresh(self, key: SpaceKey) -> None:
        """Publish the present route of one Space; returns when the proxy has it."""
        lock = self._busy.setdefault(key, asyncio.Lock())
        async with lock:  # an older reading must not overtake a newer one
            routes = await self._pools.run("db", self._read, key)
            if routes == self._routes.get(key, ()):
                return
            if routes:
                self._routes[key] = routes
            else:
                self._routes.pop(key)
                self._busy.pop(key, None)
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
        # A label may have gone from one Space to another, of which only one was read so far: an app
        # goes before a redirect then.
        routes = [route for own in self._routes.values() for route in own]
        redirects_first = sorted(routes, key=lambda route: not route.moved_to)
        self._publish(RouteTable({route.label: route for route in redirects_first}.values()))

    async def _keys(self) -> Iterable[SpaceKey]:
        return await self._pools.run("db", self._read_keys)

    def _read_keys(self) -> set[SpaceKey]:
        with self._ledger.read() as tx:
            return {*spaces.keys(tx), *self._routes}

    def _read_all(self) -> dict[SpaceKey, tuple[Route, ...]]:
        with self._ledger.read() as tx:
            return {key: self._of(tx, key) for key in spaces.keys(tx)}

    def _read(self, key: SpaceKey) -> tuple[Route, ...]:
        with self._ledger.read() as tx:
            return self._of(tx, key)

    def _of(self, tx: Tx, key: SpaceKey) -> tuple[Route, ...]:
        try:
            route = route_of(overview(tx, key), self._around)
        except NotFound:
            return ()
        return () if route is None else (route, *redirects(route, former_ids.of_space(tx, key)))
