"""The children that examine packs: one for each, and the next one started before it is needed.

Starting Python takes longer than examining a small push, so one child that has imported everything
waits for its job. It knows nothing until then, examines one pack, and ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gitserver.receive.child import ENVIRONMENT, command
from gitserver.receive.job import Job, Result

_log = logging.getLogger(__name__)
_PAUSE = 0.02
"""Seconds from the end of a child to the start of the next: this push gets its answer first."""


class Child:
    """A process that waits for its job on a socket, which is its standard input."""

    def __init__(self, process: asyncio.subprocess.Process, door: socket.socket) -> None:
        self._process = process
        self._door = door

    @classmethod
    async def start(cls) -> Child:
        """Raises `OSError`."""
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                process = await asyncio.create_subprocess_exec(
                    *command("gitserver.receive.examine"),
                    stdin=theirs.fileno(),
                    stdout=asyncio.subprocess.PIPE,
                    stderr=asyncio.subprocess.PIPE,
                    env=ENVIRONMENT,
                )
            except BaseException:
                ours.close()
                raise
        ours.setblocking(False)
        return cls(process, ours)

    @property
    def alive(self) -> bool:
        """Whether it holds its end of the socket: asked of the system, which knows at once."""
        try:
            return bool(self._door.recv(1, socket.MSG_PEEK))
        except BlockingIOError:
            return True
        except OSError:
            return False

    async def examine(self, job: Job, mark: int) -> tuple[int, bytes, bytes]:
        """Its status, output and errors."""
        answering = asyncio.ensure_future(self._process.communicate())
        try:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # its status tells
                socket.send_fds(self._door, [b"m"], [mark])
                await asyncio.get_running_loop().sock_sendall(self._door, job.to_json().encode())
                self._door.shutdown(socket.SHUT_WR)
            answer, errors = await answering
        finally:
            answering.cancel()
        return self._process.returncode or 0, answer, errors

    async def end(self) -> None:
        """Kill it if it runs, and wait until it is gone."""
        self._door.close()
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()


class Examiner:
    """Examines packs for one server; `close` it in the end."""

    def __init__(self, children: int) -> None:
        """`children`: how many packs are examined at once."""
        self._room = asyncio.Semaphore(children)
        self._spare: Child | None = None
        self._starting: asyncio.Task[None] | None = None
        self._closed = False

    async def examine(self, job: Job, mark: int, wall: float) -> Result:
        """The verdict of a child on a pack, also when the child fails or takes more than `wall`
        seconds.

        `mark` is the quarantine's descriptor: the child holds it too, so that nobody sweeps the
        folder away while it writes there.
        """
        try:
            async with self._room, self._child() as child, asyncio.timeout(wall):
                status, answer, errors = await child.examine(job, mark)
        except TimeoutError:
            return Result(error="the pack takes too long to be read")
        if status == 0:
            return Result.from_json(answer.decode())
        if status in (-signal.SIGXCPU, -signal.SIGKILL):
            return Result(error="the pack takes too much time or memory to be read")
        said = errors[-2000:].decode("utf-8", "replace")
        _log.error("reading a pack failed (%s): %s", status, said)
        return Result(error="the pack could not be read")

    async def close(self) -> None:
        """End the child that waits."""
        self._closed = True
        if self._starting is not None:
            await asyncio.wait([self._starting])
        if self._spare is not None:
            await self._spare.end()

    @asynccontextmanager
    async def _child(self) -> AsyncIterator[Child]:
        """A child for one pack, which is gone afterwards."""
        if self._starting is not None:
            await asyncio.wait([self._starting])
        child, self._spare = self._spare, None
        if child is not None and not child.alive:
            await child.end()
            child = None
        if child is None:
            child = await Child.start()
        try:
            yield child
        finally:
            await child.end()
            asyncio.get_running_loop().call_later(_PAUSE, self._prepare)

    def _prepare(self) -> None:
        """Have the next child started."""
        idle = self._starting is None or self._starting.done()
        if idle and self._spare is None and not self._closed:
            self._starting = asyncio.ensure_future(self._start_spare())

    async def _start_spare(self) -> None:
        try:
            self._spare = await Child.start()
        except OSError as error:
            _log.warning("no process can be started ahead: %s", error)
