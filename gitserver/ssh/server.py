"""Accepting connections: in asyncio, capped, and handed to a thread of their own (SSH-08)."""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import Sequence
from contextlib import suppress

from gitserver.pktline import clean
from gitserver.ssh.connection import Connection
from gitserver.ssh.hostkeys import HostKey
from gitserver.ssh.house import House
from gitserver.ssh.seats import Seats, network_of
from gitserver.ssh.session import Services
from spaceport.errors import Misconfigured

_log = logging.getLogger(__name__)
_BACKLOG = 128
_PAUSE = 1.0  # seconds without accepting when no descriptor is left (OVL-09)
_LOGGED = 30  # errors that are logged in a minute; one client must not fill the disk (OVL-15)
_LAST_WORDS = 1.0  # seconds that a client may take to read the end of its command
_KILLED = 5.0  # seconds that killed connections may take to end


class SshServer:
    """Make it inside the loop. `port` is where it listens."""

    def __init__(self, services: Services, host_keys: Sequence[HostKey]) -> None:
        limits = services.settings.limits
        self.port = 0
        self.connections: set[Connection] = set()
        self._limits = limits
        self._rationed: list[float] = []
        self._house = House(
            services=services,
            host_keys=host_keys,
            loop=asyncio.get_running_loop(),
            pending=Seats(limits.pending, limits.pending_per_address),
            connections=Seats(limits.connections, limits.connections_per_account),
            sessions=Seats(limits.sessions, limits.sessions_per_account),
            stopping=asyncio.Event(),
            log_broken=self._log_broken,
        )
        self._lives: set[asyncio.Task[None]] = set()
        self._listener: socket.socket | None = None
        self._accepting: asyncio.Task[None] | None = None
        self._count = 0

    async def start(self, host: str, port: int) -> int:
        """Listen; returns the port. Raises `Misconfigured` when it cannot be had."""
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            family, _, _, _, address = found[0]
            self._listener = socket.create_server(
                address[:2],
                family=socket.AddressFamily(family),
                backlog=_BACKLOG,
                dualstack_ipv6=host == "::" and socket.has_dualstack_ipv6(),
            )
        except OSError as error:
            raise Misconfigured(
                f"Git over SSH cannot listen on {host}:{port}: {error.strerror or error}",
                hint="Choose another place with --ssh HOST:PORT, or switch it off with --ssh off.",
            ) from error
        self._listener.setblocking(False)
        self.port = self._listener.getsockname()[1]
        self._accepting = asyncio.ensure_future(self._accept(self._listener))
        return self.port

    async def close(self, grace: float = 0.0) -> None:
        """Take no more; let commands end within `grace` seconds, then end all (DUR-17)."""
        self._house.stopping.set()
        if self._accepting is not None:
            self._accepting.cancel()
            await asyncio.gather(self._accepting, return_exceptions=True)
        if self._listener is not None:
            self._listener.close()
        running = {task: each for each in self.connections for task in each.commands}
        if running:
            done, _ = await asyncio.wait(running, timeout=grace)
            leaving = [asyncio.ensure_future(running[task].over.wait()) for task in done]
            if leaving:  # a client that has its answer goes by itself
                await asyncio.wait(leaving, timeout=_LAST_WORDS)
            for each in leaving:
                each.cancel()
        for connection in self.connections:
            connection.kill()
        if self._lives:
            await asyncio.wait(self._lives, timeout=_KILLED)

    async def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        paused = False
        while True:
            try:
                sock, address = await loop.sock_accept(listener)
            except OSError as error:
                if not paused:
                    _log.error("accepting SSH connections pauses: %s", error.strerror)
                paused = True
                await asyncio.sleep(_PAUSE)
                continue
            paused = False
            try:
                self._take(sock, str(address[0]))
            except Exception as error:
                self._log_broken(self._count, error)
                sock.close()

    def _take(self, sock: socket.socket, address: str) -> None:
        if not self._house.pending.take(network_of(address)):
            sock.close()
            return
        self._count += 1
        try:
            self._prepare(sock)
            connection = Connection(self._count, sock, address, self._house)
        except BaseException:
            self._house.pending.leave(network_of(address))
            raise
        self.connections.add(connection)
        life = asyncio.ensure_future(connection.live())
        self._lives.add(life)

        def over(task: asyncio.Task[None]) -> None:
            self._lives.discard(task)
            self.connections.discard(connection)
            if not task.cancelled() and task.exception() is not None:
                self._log_broken(connection.number, task.exception())

        life.add_done_callback(over)

    def _prepare(self, sock: socket.socket) -> None:
        """Small packets go at once; a network that is gone is noticed (SSH-16).

        The system counts from the first byte that is not confirmed, which in a quiet connection is
        our own question whether the client is there.
        """
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        lost, ask = self._limits.lost, self._limits.ask
        unconfirmed = int(1000 * max(lost / 2, lost - ask - 2.0))
        for name, value in (
            ("TCP_KEEPIDLE", max(1, int(lost / 3))),
            ("TCP_KEEPINTVL", max(1, int(lost / 6))),
            ("TCP_KEEPCNT", 3),
            ("TCP_USER_TIMEOUT", unconfirmed),
        ):
            if hasattr(socket, name):
                with suppress(OSError):
                    sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)

    def _log_broken(self, number: int, error: BaseException | None) -> None:
        now = time.monotonic()
        self._rationed = [at for at in self._rationed if now - at < 60.0]
        if len(self._rationed) < _LOGGED:
            self._rationed.append(now)
            kind = type(error).__name__
            text = clean(str(error)[:128]).replace("\n", " ")
            _log.error("ssh %d broke: %s: %s", number, kind, text, exc_info=error)
