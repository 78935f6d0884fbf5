"""The channels of one connection, and the commands that run on them (SSH-09, SSH-15, SSH-19)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress

import paramiko
from paramiko import Channel
from paramiko.common import OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED, OPEN_SUCCEEDED

from gitserver.ssh import session
from gitserver.ssh.authentication import Guest
from gitserver.ssh.house import House
from gitserver.ssh.pipe import ChannelPipe, Gone
from gitserver.ssh.session import KeyRevoked, Request

_BUSY = b"Too many commands are running; try again in a moment.\n"
_STOPPING = b"The server is stopping; try again in a moment.\n"
_BROKEN = "Something went wrong here; the server's log has connection {}.\n"
_FAREWELL = 1.0  # seconds


class Channels:
    """Told by the connection's thread what the client asks; runs commands on the event loop."""

    def __init__(self, number: int, address: str, house: House, kill: Callable[[], None]) -> None:
        """`kill` ends the connection."""
        self.used = time.monotonic()
        """When a command ended last."""
        self._number = number
        self._address = address
        self._house = house
        self._kill = kill
        self._guest: Guest | None = None
        self._seat = ""
        self._pipes: dict[int, ChannelPipe] = {}
        self._due: dict[int, Request] = {}  # accepted, the client being told so just now
        self._running: dict[int, asyncio.Task[None]] = {}

    def admit(self, guest: Guest, seat: str) -> None:
        """Who has logged in, and in whose name commands are counted."""
        self._guest, self._seat = guest, seat

    @property
    def commands(self) -> list[asyncio.Task[None]]:
        """What runs now."""
        return list(self._running.values())

    # On the connection's thread

    def may_open(self, kind: str) -> bool:
        """Whether there is room for one more channel, of a kind that there is."""
        return kind == "session" and len(self._pipes) < self._house.limits.channels

    def opened(self, channel: Channel) -> None:
        house = self._house
        pipe = ChannelPipe(channel, house.loop, house.services.pools, house.limits)
        self._pipes[channel.chanid] = pipe

    def data(self, channel: Channel, data: bytes) -> None:
        pipe = self._pipes.get(channel.chanid)
        if pipe is not None:
            pipe.feed(data)

    def no_more(self, channel: Channel, *, closed: bool) -> None:
        pipe = self._pipes.get(channel.chanid)
        if pipe is not None:
            pipe.end(closed=closed)
        if closed:
            self._house.tell(self._closed, channel.chanid)

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
        if self._house.stopping.is_set() or not self._house.sessions.take(self._seat):
            channel.settimeout(0.0)
            with suppress(OSError):  # the client has no room even for this
                channel.send_stderr(_STOPPING if self._house.stopping.is_set() else _BUSY)
            return False
        self._due[channel.chanid] = Request(line, pipe.protocol)
        return True

    def answered(self, channel: Channel) -> None:
        request = self._due.pop(channel.chanid, None)
        if request is not None:
            self._house.tell(self._start, self._pipes[channel.chanid], request)

    def end(self) -> None:
        """The connection is over."""
        for pipe in list(self._pipes.values()):
            pipe.end(closed=True)
        for _ in self._due:  # accepted, but the client was gone before it heard so
            self._house.sessions.leave(self._seat)

    # On the loop

    def _start(self, pipe: ChannelPipe, request: Request) -> None:
        number = pipe.channel.chanid

        def over(task: asyncio.Task[None]) -> None:
            self._house.sessions.leave(self._seat)
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
        self.used = time.monotonic()
        self._running.pop(number, None)
        self._pipes.pop(number, None)

    async def _command(self, pipe: ChannelPipe, request: Request) -> None:
        try:
            await pipe.finish(await self._run(pipe, request))
        except Gone:
            if not pipe.closed:  # it takes nothing, and stays: the whole connection is stuck
                self._kill()

    async def _run(self, pipe: ChannelPipe, request: Request) -> int:
        if self._guest is None:
            return 1
        try:
            return await session.run(
                self._house.services, self._guest, self._address, request, pipe
            )
        except Gone:
            raise
        except KeyRevoked:
            await pipe.say("This key opens its account no longer.\n")
            self._house.loop.call_later(_FAREWELL, self._kill)  # once the client has read it
            return 1
        except Exception as error:  # it ends this command only (SSH-19)
            self._house.log_broken(self._number, error)
            await pipe.say(_BROKEN.format(self._number))
            return 1


class Requests(paramiko.ServerInterface):
    """What paramiko asks: git's commands and a greeting, and nothing else (SSH-09)."""

    def __init__(self, channels: Channels) -> None:
        self._channels = channels

    def check_channel_request(self, kind: str, chanid: int) -> int:
        allowed = self._channels.may_open(kind)
        return OPEN_SUCCEEDED if allowed else OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED

    def check_channel_env_request(self, channel: Channel, name: bytes, value: bytes) -> bool:
        if name != b"GIT_PROTOCOL" or len(value) > 256:
            return False
        return self._channels.protocol(channel, value.decode("ascii", "replace"))

    def check_channel_exec_request(self, channel: Channel, command: bytes) -> bool:
        return self._channels.asked(channel, command)

    def check_channel_shell_request(self, channel: Channel) -> bool:
        return self._channels.asked(channel, None)
