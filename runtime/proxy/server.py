"""The reverse proxy: owns the listening socket, the routes and everything behind them.

    proxy = Proxy(settings, doorkeeper=..., on_demand=...)
    proxy.routes = RouteTable([...])
    port = await proxy.start("127.0.0.1", 8080, hub=web.Server(...), domain="localhost",
                             hub_hosts=["localhost"])

Several processes may share one port (`reuse_port=True`), each with a proxy and a table of its own.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable, Iterable

from config.proxy import ProxySettings
from runtime.proxy import malloc
from runtime.proxy.deadlines import sweep
from runtime.proxy.door import ClosedDoor, Doorkeeper
from runtime.proxy.host import Hosts
from runtime.proxy.metrics import Metrics
from runtime.proxy.relay import Visitor
from runtime.proxy.routes import Route, RouteTable
from runtime.proxy.shared import HubFactory, NoHub, Shared
from spaceport.names import SpaceKey
from spaceport.pools import Pools

log = logging.getLogger(__name__)

AWAITED = 30.0  # seconds since somebody found no app; the waiting page looks again before that


def _nobody_wakes(route: Route) -> None:
    """The harmless `on_demand`: nothing is started."""


class Proxy:
    """Create it inside the event loop that serves it; use it from that loop only."""

    def __init__(
        self,
        settings: ProxySettings | None = None,
        *,
        doorkeeper: Doorkeeper | None = None,
        on_demand: Callable[[Route], None] = _nobody_wakes,
        threads: Pools | None = None,
    ) -> None:
        """`on_demand` is called, at most once in five seconds for a Space, when a visitor comes
        to one that `wakes`. `threads` are the process's pools; without, it has its own."""
        self._own_threads = Pools() if threads is None else None
        self.shared = Shared(
            settings or ProxySettings(),
            doorkeeper or ClosedDoor(),
            on_demand,
            asyncio.get_running_loop(),
            threads or self._own_threads or Pools(),
        )
        self._server: asyncio.Server | None = None
        self._sweeper: asyncio.Task[None] | None = None

    # -- routes ----------------------------------------------------------------------------

    @property
    def routes(self) -> RouteTable:
        """The present table. Assign a new one to change anything; requests that are under way
        finish on the replica that they are on."""
        return self.shared.routes

    @routes.setter
    def routes(self, table: RouteTable) -> None:
        self.shared.swap(table)

    # -- what draining and idleness need -----------------------------------------------------

    def in_flight(self, replica_id: str) -> int:
        """Requests and WebSockets that this replica is answering now."""
        pool = self.shared.pools.peek(replica_id)
        return pool.in_flight if pool is not None else 0

    async def drained(self, replica_id: str) -> None:
        """Return when nothing is in flight on the replica; first take it out of the routes."""
        pool = self.shared.pools.peek(replica_id)
        if pool is not None:
            await pool.drained()

    def cut(self, replica_id: str, *, websockets_only: bool = False) -> int:
        """End what is in flight on a replica (a drain's deadline); returns how many that were.

        WebSockets may live for ever: end them first, give requests the rest of the time.
        """
        pool = self.shared.pools.peek(replica_id)
        if pool is None:
            return 0
        users = [user for user in pool.busy if user.is_websocket or not websockets_only]
        for user in users:
            user.cut()
        return len(users)

    def last_used(self, space_key: SpaceKey) -> float:
        """Unix time of the Space's last traffic, right to one sweep; 0.0: not since the start."""
        traffic = self.shared.traffic.peek(space_key)
        return traffic.last_used if traffic is not None else 0.0

    def open_connections(self, space_key: SpaceKey) -> int:
        """Requests and event streams that are open now; above 0 is not idle.

        A WebSocket is use while it has traffic (8.3.5): that moves `last_used`. It is in flight all
        the same, so that nobody holds the app behind it.
        """
        traffic = self.shared.traffic.peek(space_key)
        return traffic.requests if traffic is not None else 0

    def awaited(self, space_key: SpaceKey) -> bool:
        """Whether a program is held for it, or a browser looked lately and found no app."""
        traffic = self.shared.traffic.peek(space_key)
        if traffic is None:
            return False
        return traffic.held > 0 or self.shared.now - traffic.missed < AWAITED

    def visits(self, space_key: SpaceKey) -> tuple[int, int, int, tuple[int, ...]]:
        """Of a Space: requests open now, WebSockets open now, requests since the start, and how
        long some of these waited, as counts by bucket (`runtime.proxy.latency`)."""
        traffic = self.shared.traffic.peek(space_key)
        if traffic is None:
            return 0, 0, 0, ()
        counts = tuple(traffic.latency.counts)
        return traffic.requests, traffic.websockets, traffic.total, counts

    @property
    def hosts(self) -> Hosts:
        """The hub's hosts and the apps' domain, as given to `start`."""
        return self.shared.hosts

    @property
    def metrics(self) -> Metrics:
        return self.shared.metrics

    # -- life --------------------------------------------------------------------------------

    async def start(
        self,
        host: str,
        port: int,
        *,
        hub: HubFactory = NoHub,
        domain: str = "localhost",
        hub_hosts: Iterable[str] = (),
        reuse_port: bool = False,
    ) -> int:
        """Listen and serve; returns the port (the one that was free, for 0). Raises `OSError`.

        `hub` makes a protocol for each connection to one of `hub_hosts` (names or addresses
        without port, IPv6 in brackets); an `aiohttp.web.Server` is such a factory. `domain` is
        the parent of the apps' hosts.
        """
        malloc.tune()
        self.shared.hub = hub
        names = frozenset(name.lower() for name in hub_hosts)
        self.shared.hosts = Hosts(domain.lower(), names)
        sock = listening_socket(host, port, reuse_port=reuse_port)
        try:
            self._server = await self.shared.loop.create_server(
                lambda: Visitor(self.shared),
                sock=sock,
                backlog=self.shared.settings.backlog,
            )
        except BaseException:
            sock.close()
            raise
        self._sweeper = self.shared.loop.create_task(self._sweep())
        return int(sock.getsockname()[1])

    async def close(self, grace: float = 0.0) -> None:
        """Take no new connections, give running requests `grace` seconds, end the rest."""
        if self._server is not None:
            self._server.close()
        shared = self.shared
        shared.closing = True
        end = shared.loop.time() + grace
        while shared.requests_open and shared.loop.time() < end:  # noqa: ASYNC110 it ends soon
            await asyncio.sleep(0.05)
        if self._sweeper is not None:
            self._sweeper.cancel()
            await asyncio.gather(self._sweeper, return_exceptions=True)
        for visitor in list(shared.visitors):
            visitor.cut()
        for tunnel in list(shared.tunnels):
            tunnel.cut()
        shared.pools.close()
        if self._own_threads is not None:
            self._own_threads.close()
        await asyncio.sleep(0)  # let the transports tell their protocols

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(self.shared.settings.timeouts.sweep)
            try:
                sweep(self.shared)
            except Exception:
                log.exception("a sweep over the proxy's deadlines failed")


def listening_socket(host: str, port: int, *, reuse_port: bool) -> socket.socket:
    """A bound socket. Its protocol is named, or asyncio would not set TCP_NODELAY on what it
    accepts and small answers would wait 40 ms for an acknowledgement."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if reuse_port:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(host != "::"))
        sock.bind((host, port))
    except BaseException:
        sock.close()
        raise
    return sock
