"""One client from accept to end: deadlines, channels, and the commands that run (SSH-07 to -16)."""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import paramiko
from paramiko import Channel, SSHException
from paramiko.common import OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED, OPEN_SUCCEEDED

from gitserver.pktline import clean
from gitserver.ssh import session
from gitserver.ssh.authentication import Guest, LoginRules
from gitserver.ssh.hostkeys import HostKey
from gitserver.ssh.pipe import ChannelPipe, Gone
from gitserver.ssh.seats import Seats, network_of
from gitserver.ssh.session import KeyRevoked, Request, Services
from gitserver.ssh.transport import ServerTransport
from spaceport.actor import Actor

_log = logging.getLogger(__name__)
_LOOKUP = 10.0  # seconds that the look-up of a key may take
_BUSY = b"Too many commands are running; try again in a moment.\n"
_STOPPING = b"The server is stopping; try again in a moment.\n"
_BROKEN = "Something went wrong here; the server's log has connection {}.\n"


@dataclass(frozen=True)
class House:
    """What all connections of a server share."""

    services: Services
    host_keys: Sequence[HostKey]
    loop: asyncio.AbstractEventLoop
    pending: Seats
    connections: Seats
    sessions: Seats
    stopping: asyncio.Event
    log_broken: Callable[[int, BaseException], None]


class Connection:
    """Lives on the event loop; the methods of `Listener` are called on the connection's thread."""

    def __init__(self, number: int, sock: socket.socket, address: str, house: House) -> None:
        """The caller has taken a seat in `house.pending`; this object gives it back."""
        self.number = number
        self.address = address
        self.guest: Guest | None = None
        self.over = asyncio.Event()
        self._house = house
        self._limits = house.services.settings.limits
        self._place = network_of(address)
        self._in = asyncio.Event()
        self._seat: str | None = None
        self._pipes: dict[int, ChannelPipe] = {}
        self._due: dict[int, Request] = {}  # accepted, the client being told so just now
        self._running: dict[int, asyncio.Task[None]] = {}
        self._used = self._begun = time.monotonic()
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
            listener=self,
            host_keys=house.host_keys,
            interface=_Requests(self),
        )

    @property
    def commands(self) -> list[asyncio.Task[None]]:
        """What runs now."""
        return list(self._running.values())

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
            idle = not self._running and now - self._used > limits.idle
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
        self._tell(self._in.set)
        return True

    # On the connection's thread: channels

    def may_open(self, kind: str) -> bool:
        open_now = len(self._transport.open_channels)
        return kind == "session" and open_now < self._limits.channels

    def opened(self, channel: Channel) -> None:
        house = self._house
        self._pipes[channel.chanid] = ChannelPipe(
            channel, house.loop, house.services.pools, self._limits
        )

    def data(self, channel: Channel, data: bytes) -> None:
        pipe = self._pipes.get(channel.chanid)
        if pipe is not None:
            pipe.feed(data)

    def no_more(self, channel: Channel, *, closed: bool) -> None:
        pipe = self._pipes.get(channel.chanid)
        if pipe is not None:
            pipe.end(closed=closed)
        if closed:
            self._tell(self._closed, channel.chanid)

    def protocol(self, channel: Channel, text: str) -> bool:
        """The channel's GIT_PROTOCOL."""
        pipe = self._pipes.get(channel.chanid)
        if pipe is None or pipe.requested:
            return False
        pipe.protocol = text
        return True

    def asked(self, channel: Channel, line: bytes | None) -> bool:
        """A channel's command (None for a shell), once for each channel.

        Without a free seat it is refused here and now: the threads that send to clients are for
        commands that have one.
        """
        pipe = self._pipes.get(channel.chanid)
        if pipe is None or pipe.requested:
            return False
        pipe.requested = True
        if self._house.stopping.is_set() or not self._house.sessions.take(self._seat or ""):
            channel.settimeout(0.0)
            with suppress(OSError):  # the client has no room even for this
                channel.send_stderr(_STOPPING if self._house.stopping.is_set() else _BUSY)
            return False
        self._due[channel.chanid] = Request(line, pipe.protocol)
        return True

    def answered(self, channel: Channel) -> None:
        request = self._due.pop(channel.chanid, None)
        if request is not None:
            self._tell(self._start, self._pipes[channel.chanid], request)

    def ended(self, error: Exception | None) -> None:
        for pipe in list(self._pipes.values()):
            pipe.end(closed=True)
        for _ in self._due:  # accepted, but the client was gone before it heard so
            self._house.sessions.leave(self._seat or "")
        expected = SSHException | EOFError | OSError | None
        if not isinstance(error, expected):
            self._house.log_broken(self.number, error)
        self._tell(self.over.set)

    def _tell(self, function: Callable[..., object], *args: object) -> None:
        with suppress(RuntimeError):  # the loop was closed meanwhile
            self._house.loop.call_soon_threadsafe(function, *args)

    # On the loop: commands

    def _start(self, pipe: ChannelPipe, request: Request) -> None:
        number = pipe.channel.chanid

        def over(task: asyncio.Task[None]) -> None:
            self._house.sessions.leave(self._seat or "")
            self._forget(number)

        task = asyncio.ensure_future(self._command(pipe, request))
        self._running[number] = task
        task.add_done_callback(over)

    def _closed(self, number: int) -> None:
        task = self._running.get(number)
        if task is None:
            self._forget(number)
        else:
            task.cancel()

    def _forget(self, number: int) -> None:
        self._used = time.monotonic()
        self._running.pop(number, None)
        self._pipes.pop(number, None)
        self._transport.open_channels.pop(number, None)

    async def _command(self, pipe: ChannelPipe, request: Request) -> None:
        try:
            await pipe.finish(await self._run(pipe, request))
        except Gone:
            if not pipe.closed:  # it takes nothing, and stays: the whole connection is stuck
                self.kill()

    async def _run(self, pipe: ChannelPipe, request: Request) -> int:
        guest = self.guest
        if guest is None:
            return 1
        try:
            return await session.run(self._house.services, guest, self.address, request, pipe)
        except Gone:
            raise
        except KeyRevoked:
            await pipe.say("This key opens its account no longer.\n")
            self._house.loop.call_later(1.0, self.kill)  # once the client has read it
            return 1
        except Exception as error:  # it ends this command only (SSH-19)
            self._house.log_broken(self.number, error)
            await pipe.say(_BROKEN.format(self.number))
            return 1


class _Requests(paramiko.ServerInterface):
    """What paramiko asks: git's commands and a greeting, and nothing else (SSH-09)."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def check_channel_request(self, kind: str, chanid: int) -> int:
        allowed = self._connection.may_open(kind)
        return OPEN_SUCCEEDED if allowed else OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED

    def check_channel_env_request(self, channel: Channel, name: bytes, value: bytes) -> bool:
        if name != b"GIT_PROTOCOL" or len(value) > 256:
            return False
        return self._connection.protocol(channel, value.decode("ascii", "replace"))

    def check_channel_exec_request(self, channel: Channel, command: bytes) -> bool:
        return self._connection.asked(channel, command)

    def check_channel_shell_request(self, channel: Channel) -> bool:
        return self._connection.asked(channel, None)


async def _first(*events: asyncio.Event) -> None:
    tasks = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
