"""One client from accept to end: deadlines, the login, and looking after it (SSH-07 to SSH-16)."""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import Callable
from contextlib import suppress

from paramiko import SSHException

from gitserver.pktline import clean
from gitserver.ssh import session
from gitserver.ssh.authentication import Guest, LoginRules
from gitserver.ssh.channels import Channels, Requests
from gitserver.ssh.house import House
from gitserver.ssh.seats import network_of
from gitserver.ssh.session import KeyRevoked
from gitserver.ssh.transport import ServerTransport
from spaceport.actor import Actor

_log = logging.getLogger(__name__)
_LOOKUP = 10.0  # seconds that the look-up of a key may take


class Connection:
    """Lives on the event loop, but for what the login asks on the connection's thread."""

    def __init__(self, number: int, sock: socket.socket, address: str, house: House) -> None:
        """The caller has taken a seat in `house.pending`; this object gives it back."""
        self.number = number
        self.address = address
        self.guest: Guest | None = None
        self.over = asyncio.Event()
        self._house = house
        self._limits = house.limits
        self._place = network_of(address)
        self._in = asyncio.Event()
        self._seat: str | None = None
        self._begun = time.monotonic()
        self._channels = Channels(number, address, house, self.kill)
        settings = house.services.settings
        rules = LoginRules(
            user=settings.user,
            attempts=self._limits.attempts,
            anonymous=settings.anonymous,
            owner_of=self._owner_of,
            welcome=self._welcome,
        )
        self._transport = ServerTransport(
            sock,
            limits=self._limits,
            rules=rules,
            listener=self._channels,
            ended=self._ended,
            host_keys=house.host_keys,
            interface=Requests(self._channels),
        )

    @property
    def commands(self) -> list[asyncio.Task[None]]:
        """What runs now."""
        return self._channels.commands

    def kill(self) -> None:
        """End it, whatever is under way."""
        self._transport.kill()

    async def live(self) -> None:
        """From the first byte to the last."""
        try:
            self._transport.begin()
        except BaseException:
            self._house.pending.leave(self._place)
            self._transport.sock.close()
            self.over.set()
            raise
        try:
            logged_in = await self._log_in()
        finally:
            self._house.pending.leave(self._place)
        try:
            if logged_in:
                await self._look_after()
        finally:
            self.kill()
            await self.over.wait()
            for task in self.commands:
                task.cancel()
            await asyncio.gather(*self.commands, return_exceptions=True)
            if self._seat is not None:
                self._house.connections.leave(self._seat)

    async def _log_in(self) -> bool:
        """Whether it comes to a login before the deadlines (SSH-07)."""
        transport, limits = self._transport, self._limits
        stages: tuple[tuple[float, Callable[[], bool]], ...] = (
            (limits.identification, lambda: bool(transport.remote_version)),
            (limits.key_exchange, lambda: transport.initial_kex_done),
            (limits.login, lambda: False),
        )
        either = asyncio.ensure_future(_first(self._in, self.over))
        try:
            for seconds, passed in stages:
                left = max(0.0, self._begun + seconds - time.monotonic())
                await asyncio.wait([either], timeout=left)
                if either.done() or not passed():
                    break
        finally:
            either.cancel()
        if not self._in.is_set():
            _log.debug("ssh %d from %s: no login", self.number, self.address)
            return False
        if self.guest is not None:
            _log.info(
                "ssh %d from %s: %s with %s",
                self.number,
                self.address,
                clean(self.guest.actor.name) or "anonymous",
                self.guest.fingerprint,
            )
            await self._note(self.guest)
        return True

    async def _note(self, guest: Guest) -> None:
        """Tell whoever keeps a book of logins; that it cannot be written keeps nobody out."""
        if guest.actor.anonymous:
            return
        access = self._house.services.access
        try:
            await access.logged_in(guest.actor, guest.fingerprint, self.address)
        except Exception as error:
            self._house.log_broken(self.number, error)

    async def _look_after(self) -> None:
        """Until it is over, stands still, is of no use any more, or its key is gone."""
        limits = self._limits
        pause = min(limits.recheck, limits.stall / 2, limits.idle / 2)
        checked = time.monotonic()
        while not self.over.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self.over.wait(), pause)
            now = time.monotonic()
            idle = not self.commands and now - self._channels.used > limits.idle
            if idle or now - self._transport.packetizer.heard > limits.stall:
                return
            if now - checked >= limits.recheck and self.guest is not None:
                checked = now
                try:
                    await session.present_actor(self._house.services.access, self.guest)
                except KeyRevoked:
                    _log.info("ssh %d: the key opens its account no longer", self.number)
                    return

    # On the connection's thread: the login

    def _owner_of(self, fingerprint: str) -> Actor | None:
        asked = self._house.services.access.by_ssh_key(fingerprint)
        return asyncio.run_coroutine_threadsafe(asked, self._house.loop).result(_LOOKUP)

    def _welcome(self, guest: Guest) -> bool:
        seat = guest.actor.id or f"anonymous at {self._place}"
        if not self._house.connections.take(seat):
            return False
        self._seat, self.guest = seat, guest
        self._channels.admit(guest, seat)
        self._house.tell(self._in.set)
        return True

    def _ended(self, error: Exception | None) -> None:
        self._channels.end()
        expected = SSHException | EOFError | OSError | None
        if not isinstance(error, expected):
            self._house.log_broken(self.number, error)
        self._house.tell(self.over.set)


async def _first(*events: asyncio.Event) -> None:
    tasks = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
