"""One channel, between the connection's thread and the event loop, with back-pressure both ways.

What the client sends is counted against the window that it was given, which grows only as the loop
takes bytes out; so a channel holds at most a window. What is sent to it goes out on a thread of
the pool "ssh", which waits for the client's window and for the network.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

from paramiko import Channel, Message, SSHException
from paramiko.common import cMSG_CHANNEL_WINDOW_ADJUST

from config.ssh import SshLimits
from spaceport.pools import Pools

_TAKE = 1 << 20  # bytes handed out at once
_OVERHEAD = 64  # what paramiko keeps free in a packet of data


class Gone(ConnectionError):
    """Raised when the client has gone, or takes nothing any more."""


class ChannelPipe:
    """`feed` and `end` are for the connection's thread, the rest for the event loop."""

    def __init__(
        self, channel: Channel, loop: asyncio.AbstractEventLoop, pools: Pools, limits: SshLimits
    ) -> None:
        self.channel = channel
        self.requested = False
        """Whether the client has said what to run; it may once."""
        self.protocol = ""
        """Its GIT_PROTOCOL."""
        self._loop = loop
        self._pools = pools
        self._limits = limits
        self._lock = threading.Lock()
        self._pieces: deque[bytes] = deque()
        self._granted = limits.window
        self._received = self._taken = 0
        self._ended = self._closed = self._waiting = False
        self._waiter: asyncio.Future[None] | None = None
        self._unsent: list[bytes | bytearray] = []

    @property
    def closed(self) -> bool:
        """Whether the client has closed its channel, or gone."""
        return self._closed

    # From the client

    def feed(self, data: bytes) -> None:
        """Raises `SSHException` when the client sends more than it was given leave to."""
        with self._lock:
            self._received += len(data)
            if self._received > self._granted:
                raise SSHException("more data than the window allows")
            if not self._closed:
                self._pieces.append(data)
            wake, self._waiting = self._waiting, False
        if wake:
            self._wake()

    def end(self, *, closed: bool = False) -> None:
        """No more comes. `closed`: nothing can be sent any more either."""
        with self._lock:
            self._ended = True
            self._closed = self._closed or closed
            wake, self._waiting = self._waiting, False
        if wake:
            self._wake()

    def _wake(self) -> None:
        with suppress(RuntimeError):  # the loop was closed meanwhile
            self._loop.call_soon_threadsafe(self._woken)

    def _woken(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def read(self) -> bytes:
        """What has come, up to a mebibyte; nothing at the end. Raises `Gone` for silence."""
        while True:
            with self._lock:
                if self._pieces:
                    data = self._take()
                    break
                if self._ended:
                    return b""
                self._waiting = True
                self._waiter = self._loop.create_future()
            try:
                async with asyncio.timeout(self._limits.wait):
                    await self._waiter
            except TimeoutError:
                raise Gone from None
        await self._grant()
        return data

    async def arriving(self) -> AsyncIterator[bytes]:
        """Everything that comes, as it comes."""
        while data := await self.read():
            yield data

    def _take(self) -> bytes:
        taken, size = [], 0
        while self._pieces and size < _TAKE:
            taken.append(self._pieces.popleft())
            size += len(taken[-1])
        self._taken += size
        return taken[0] if len(taken) == 1 else b"".join(taken)

    async def _grant(self) -> None:
        """Let the client send more, once half of the window is used."""
        with self._lock:
            more = self._taken + self._limits.window - self._granted
            if more < self._limits.window // 2 or self._ended:
                return
            self._granted += more
        await self._blocking(self._adjust, more)

    def _adjust(self, more: int) -> None:
        message = Message()
        message.add_byte(cMSG_CHANNEL_WINDOW_ADJUST)
        message.add_int(self.channel.remote_chanid)
        message.add_int(more)
        self.channel.transport._send_user_message(message)  # type: ignore[union-attr]

    # To the client

    def write(self, data: bytes | bytearray) -> None:
        """Have `data` sent by the next `drain`."""
        self._unsent.append(data)

    async def drain(self) -> None:
        """Send, as fast as the client takes it. Raises `Gone`."""
        unsent, self._unsent = self._unsent, []
        for data in unsent:
            await self._blocking(self._send, data, self.channel.send)

    async def say(self, text: str) -> None:
        """Tell the person (on the error stream). Raises `Gone`."""
        await self._blocking(self._send, text.encode(), self.channel.send_stderr)

    async def finish(self, status: int) -> None:
        """The exit status, and the end of the channel. Raises `Gone`."""
        await self._blocking(self._finish, status)

    def _send(self, data: bytes | bytearray, send: Callable[[bytes], int]) -> None:
        self.channel.settimeout(self._limits.stall)
        most = max(1, self.channel.out_max_packet_size - _OVERHEAD)
        at = 0
        with memoryview(data) as view:
            while at < len(view):
                sent = send(bytes(view[at : at + most]))
                if not sent:
                    raise Gone
                at += sent

    def _finish(self, status: int) -> None:
        self.channel.send_exit_status(status)
        self.channel.shutdown_write()
        self.channel.close()

    async def _blocking(self, function: Callable[..., None], *args: object) -> None:
        try:
            await self._pools.run("ssh", function, *args)
        except (EOFError, OSError, SSHException) as error:
            raise Gone from error
