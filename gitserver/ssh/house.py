"""What all connections of a server share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from config.ssh import SshLimits
from gitserver.ssh.hostkeys import HostKey
from gitserver.ssh.seats import Seats
from gitserver.ssh.session import Services


@dataclass(frozen=True)
class House:
    """`pending` are connections that are not logged in, `sessions` commands that run.
    `log_broken` notes an error of our own, with the connection's number."""

    services: Services
    host_keys: Sequence[HostKey]
    loop: asyncio.AbstractEventLoop
    pending: Seats
    connections: Seats
    sessions: Seats
    stopping: asyncio.Event
    log_broken: Callable[[int, BaseException], None]

    @property
    def limits(self) -> SshLimits:
        return self.services.settings.limits

    def tell(self, function: Callable[..., object], *args: object) -> None:
        """Have the event loop call a function, from any thread."""
        with suppress(RuntimeError):  # the loop was closed meanwhile
            self.loop.call_soon_threadsafe(function, *args)
