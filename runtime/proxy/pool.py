"""Connections to apps, pooled for each replica and never for an address (PX-18).

The last one used is the first one taken again, so that the others can grow old and be closed.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping
from typing import Protocol

from config.proxy import ProxySettings
from runtime.proxy.metrics import Metrics
from runtime.proxy.routes import Upstream
from runtime.proxy.upstream import AppConnection


class User(Protocol):
    """What is in flight on a replica: a visitor with a request, or a tunnel."""

    @property
    def is_websocket(self) -> bool: ...

    def cut(self) -> None: ...


_CERTAINLY_FRESH = 1.0  # seconds; older ones are asked whether the app has closed them


class Pool:
    """The connections to one replica: idle ones, and how many requests are under way."""

    def __init__(self, upstream: Upstream, pools: Pools) -> None:
        self.upstream = upstream
        self.pools = pools
        self.routed = True  # false: no new request will come; nothing is kept
        self.idle: list[AppConnection] = []
        self.busy: set[User] = set()
        self._drained: list[asyncio.Future[None]] = []

    @property
    def in_flight(self) -> int:
        return len(self.busy)

    def take(self) -> AppConnection | None:
        """An idle connection that the app has not closed, if there is one."""
        now = self.pools.now
        while self.idle:
            connection = self.idle.pop()
            if now - connection.idle_since < _CERTAINLY_FRESH or connection.alive():
                return connection
            connection.discard()
        return None

    def give_back(self, connection: AppConnection) -> None:
        """Keep a connection whose answer ended cleanly, or close it when there is no use."""
        if self.routed and len(self.idle) < self.pools.settings.pool_size:
            connection.idle_since = self.pools.now
            self.idle.append(connection)
        else:
            connection.discard()

    def begin(self, user: User) -> None:
        self.busy.add(user)

    def end(self, user: User) -> None:
        self.busy.discard(user)
        if not self.busy and (self._drained or not self.routed):
            self._tell_drained()

    def forget(self, connection: AppConnection) -> None:
        if connection in self.idle:
            self.idle.remove(connection)

    def close_idle(self, older_than: float) -> None:
        """Close what has been idle since before `older_than`; the oldest are in front."""
        while self.idle and self.idle[0].idle_since < older_than:
            self.idle.pop(0).discard()

    def close_all_idle(self) -> None:
        """An app that was held closes at once what it would have closed meanwhile."""
        while self.idle:
            self.idle.pop().discard()

    def retire(self) -> None:
        self.routed = False
        self.close_all_idle()
        if not self.busy:
            self._tell_drained()

    async def drained(self) -> None:
        """Return when no request is under way."""
        if self.busy:
            future = self.pools.loop.create_future()
            self._drained.append(future)
            await future

    def _tell_drained(self) -> None:
        waiting, self._drained = self._drained, []
        for future in waiting:
            if not future.done():
                future.set_result(None)
        self.pools.forget(self)

    async def dial(self) -> AppConnection:
        """A new connection. Raises `OSError`, `TimeoutError`, or whatever `connect` raises."""
        timeout = self.pools.settings.timeouts.connect
        sock = await asyncio.wait_for(self.upstream.connect(), timeout)
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            loop = self.pools.loop
            _, connection = await loop.create_connection(lambda: AppConnection(self), sock=sock)
        except BaseException:
            sock.close()
            raise
        self.pools.metrics.app_connections += 1
        return connection


class Pools:
    """`replica_id` → `Pool`; a pool lives while its replica is routed or still answers."""

    def __init__(
        self, settings: ProxySettings, metrics: Metrics, loop: asyncio.AbstractEventLoop
    ) -> None:
        self.settings = settings
        self.metrics = metrics
        self.loop = loop
        self.now = loop.time()  # coarse: set by each sweep
        self._by_replica: dict[str, Pool] = {}

    def of(self, upstream: Upstream) -> Pool:
        pool = self._by_replica.get(upstream.replica_id)
        if pool is None:
            pool = self._by_replica[upstream.replica_id] = Pool(upstream, self)
        return pool

    def choose(self, upstreams: tuple[Upstream, ...]) -> Pool:
        """The replica with the fewest requests under way."""
        if len(upstreams) == 1:
            return self.of(upstreams[0])
        return min((self.of(upstream) for upstream in upstreams), key=lambda pool: pool.in_flight)

    def peek(self, replica_id: str) -> Pool | None:
        return self._by_replica.get(replica_id)

    def keep_only(self, upstreams: Mapping[str, Upstream]) -> None:
        """Let no other replica be used for a new request; running ones finish (PX-19)."""
        for replica_id, pool in list(self._by_replica.items()):
            upstream = upstreams.get(replica_id)
            if upstream is None:
                pool.retire()
                continue
            pool.routed = True
            pool.upstream = upstream
            if upstream.frozen:
                pool.close_all_idle()

    def forget(self, pool: Pool) -> None:
        replica_id = pool.upstream.replica_id
        if not pool.routed and self._by_replica.get(replica_id) is pool:
            del self._by_replica[replica_id]

    def sweep(self, now: float) -> None:
        self.now = now
        oldest = now - self.settings.timeouts.pool_idle
        for pool in self._by_replica.values():
            pool.close_idle(oldest)

    def close(self) -> None:
        for pool in list(self._by_replica.values()):
            pool.retire()
