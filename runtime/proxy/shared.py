"""What every connection of one proxy shares: settings, routes, pools, counters, a coarse clock."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import time
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING

from config.proxy import ProxySettings
from runtime.proxy.door import Door, Doorkeeper
from runtime.proxy.host import Hosts
from runtime.proxy.metrics import Metrics
from runtime.proxy.pool import Pools
from runtime.proxy.routes import Route, RouteTable
from runtime.proxy.static import StaticFiles
from runtime.proxy.to_app import RequestIds
from runtime.proxy.traffic import TrafficTable
from spaceport.pools import Pools as ThreadPools

if TYPE_CHECKING:
    from runtime.proxy.relay import Visitor
    from runtime.proxy.tunnel import Tunnel

log = logging.getLogger(__name__)

HubFactory = Callable[[], asyncio.Protocol]


class NoHub(asyncio.Protocol):
    """What answers for the hub's hosts when there is no hub: it closes the connection."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.close()


class Shared:
    """One for each proxy; only its event loop's thread touches it."""

    def __init__(
        self,
        settings: ProxySettings,
        keeper: Doorkeeper,
        on_demand: Callable[[Route], None],
        loop: asyncio.AbstractEventLoop,
        threads: ThreadPools,
    ) -> None:
        self.settings = settings
        self.hosts = Hosts("localhost", frozenset())
        self.hub: HubFactory = NoHub
        self.closing = False
        self.on_demand = on_demand
        self.loop = loop
        self.now = loop.time()  # set by each sweep, so that reading it costs nothing
        self.wall = time.time()
        self.routes = RouteTable()
        self.route_change: asyncio.Future[None] = loop.create_future()
        self.metrics = Metrics()
        self.ids = RequestIds()
        self.traffic = TrafficTable()
        self.pools = Pools(settings, self.metrics, loop)
        self.static = StaticFiles(settings.static, loop, threads)
        self.door = Door(
            keeper,
            seconds=settings.door_cache,
            secure=settings.public_scheme == "https",
            age=settings.ticket_cookie_age,
        )
        self.visitors: set[Visitor] = set()
        self.tunnels: set[Tunnel] = set()
        self.addresses: Counter[str] = Counter()
        self.connections_open = 0
        self._woken: dict[str, float] = {}
        self._reported: dict[str, float] = {}

    def wake(self, route: Route) -> None:
        """Ask for a start, at most once in five seconds for one Space (PX-29)."""
        if self.now - self._woken.get(route.space_key, -5.0) >= 5.0:
            self._woken[route.space_key] = self.now
            self.on_demand(route)

    def swap(self, table: RouteTable) -> None:
        """Put new routes in place and tell everything that hangs on the old ones."""
        now_private = [route for route in table if route.private and self._was_open(route)]
        self.routes = table
        self.door.forget()
        self.pools.keep_only(table.upstreams())
        self.static.keep_only(table.folder_roots())
        self.traffic.forget_all_but({route.space_key for route in table})
        for route in now_private:  # an open socket would outlive the right to it (WEB-19)
            for tunnel in [
                t for t in self.tunnels if t.traffic is self.traffic.of(route.space_key)
            ]:
                tunnel.cut()
        change, self.route_change = self.route_change, self.loop.create_future()
        change.set_result(None)

    def _was_open(self, route: Route) -> bool:
        before = self.routes.get(route.label)
        return before is not None and not before.private

    def admit_connection(self, address: str) -> bool:
        """Count a new connection, or say that there are too many (OVL-01)."""
        key = _who(address)
        limits = self.settings
        full = self.connections_open >= limits.connections
        if full or self.addresses[key] >= limits.connections_per_address:
            self.metrics.refused_connections += 1
            return False
        self.connections_open += 1
        self.addresses[key] += 1
        self.metrics.connections += 1
        return True

    def forget_address(self, address: str) -> None:
        """A counted connection is closed, or is the hub's from now on."""
        key = _who(address)
        self.connections_open -= 1
        self.addresses[key] -= 1
        if self.addresses[key] <= 0:
            del self.addresses[key]

    @property
    def requests_open(self) -> bool:
        """Whether any visitor is being answered now."""
        return any(visitor.head is not None for visitor in self.visitors)

    def report(self, error: BaseException | None) -> None:
        """Log a mistake of ours, the same one at most once a minute."""
        key = repr(error)[:200]
        if self.now - self._reported.get(key, -60.0) >= 60.0:
            if len(self._reported) > 100:
                self._reported.clear()
            self._reported[key] = self.now
            log.error("the proxy could not serve a request", exc_info=error)

    def tick(self) -> None:
        """Move the clock."""
        self.now = self.loop.time()
        self.wall = time.time()


def _who(address: str) -> str:
    """One party: an IPv4 address, or a /64 of IPv6."""
    if ":" not in address:
        return address
    try:
        return str(ipaddress.IPv6Network((address.partition("%")[0], 64), strict=False))
    except ValueError:
        return address
