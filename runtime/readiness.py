"""Asking a new app until it answers, through the very dial that the proxy uses (3.7.2).

An answer below 500 is healthy: a 404 or 405 must not keep a Space starting. No tool inside the
image is needed.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from config.runtime import StartSettings
from runtime.diagnosis import Expectations, Findings, misplaced
from spaceport.engine import EngineDown, Listening, NoSuchContainer

Connect = Callable[[], Awaitable[socket.socket]]
Listen = Callable[[], Awaitable[tuple[Listening, ...]]]

SHARE = 0.05  # of the time waited so far: the pause before the next look, within its bounds
HEAD_LIMIT = 256
LISTEN_EVERY = 1.0  # seconds between two looks at the open ports


@dataclass(frozen=True)
class Answer:
    """One attempt. `status` None: none came, and `problem` says what did."""

    connected: bool = False
    status: int | None = None
    problem: str = ""

    @property
    def healthy(self) -> bool:
        return self.status is not None and self.status < 500


class Probe:
    """Watches one starting replica. `findings` is what is known when its time is over."""

    def __init__(
        self,
        connect: Connect,
        listen: Listen,
        expected: Expectations,
        host: str,
        settings: StartSettings,
        *,
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        """`changed` is called when something was found that a person may want to know."""
        self.findings = Findings()
        self.misplaced_since: float | None = None  # time of the loop
        self._connect = connect
        self._listen = listen
        self._expected = expected
        self._host = host
        self._settings = settings
        self._changed = changed

    async def run(self) -> None:
        """Return when the app has answered well. Raises `NoSuchContainer` when it has ended."""
        loop = asyncio.get_running_loop()
        first, most = self._settings.probe_first, self._settings.probe_most
        began = looked = loop.time()
        while True:
            answer = await ask(
                self._connect,
                self._host,
                self._expected.path,
                seconds=self._settings.probe_timeout,
            )
            if answer.healthy:
                return
            self._note(answer)
            if loop.time() - looked >= LISTEN_EVERY:
                looked = loop.time()
                await self._look_around(loop.time())
            await asyncio.sleep(min(max(first, (loop.time() - began) * SHARE), most))

    def _note(self, answer: Answer) -> None:
        connected = self.findings.connected or answer.connected
        problem = answer.problem if answer.connected else self.findings.problem
        self._found(Findings(connected, problem, self.findings.listening))

    async def _look_around(self, now: float) -> None:
        try:
            listening = await self._listen()
        except EngineDown:
            return
        found = self.findings
        wrong = not found.connected and misplaced(listening, self._expected) is not None
        since = self.misplaced_since
        self.misplaced_since = (now if since is None else since) if wrong else None
        self._found(Findings(found.connected, found.problem, listening))

    def _found(self, findings: Findings) -> None:
        if findings != self.findings:
            self.findings = findings
            self._changed()


async def ask(connect: Connect, host: str, path: str, *, seconds: float) -> Answer:
    """One GET. Raises `NoSuchContainer`; every other trouble is in the answer."""
    try:
        sock = await connect()
    except NoSuchContainer:
        raise
    except (OSError, EngineDown) as error:
        return Answer(problem=str(error))
    with sock:
        try:
            async with asyncio.timeout(seconds):
                return await _exchange(sock, host, path)
        except TimeoutError:
            return Answer(connected=True, problem=f"no answer within {seconds:g} s")
        except OSError as error:
            return Answer(connected=True, problem=f"the connection broke: {error.strerror}")


async def _exchange(sock: socket.socket, host: str, path: str) -> Answer:
    loop = asyncio.get_running_loop()
    request = (
        f"GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: spaceport-probe\r\n"
        "Accept: */*\r\nConnection: close\r\n\r\n"
    )
    await loop.sock_sendall(sock, request.encode())
    head = b""
    while b"\r\n" not in head and len(head) < HEAD_LIMIT:
        more = await loop.sock_recv(sock, HEAD_LIMIT)
        if not more:
            break
        head += more
    return _read_status(head)


def _read_status(head: bytes) -> Answer:
    words = head.split(b"\r\n", 1)[0].split(None, 2)
    if not head:
        return Answer(connected=True, problem="it closed the connection without an answer")
    if len(words) < 2 or not words[0].startswith(b"HTTP/") or not words[1].isdigit():
        return Answer(connected=True, problem="what it sent is not HTTP")
    status = int(words[1])
    return Answer(connected=True, status=status, problem=f"it answered {status}")
