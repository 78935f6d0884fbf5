"""A small pool of worker processes for what would hold up the event loop.

Each is an ordinary program of ours, started when first needed and again when it was killed, that
takes one job at a time over a pipe. Jobs that may be long (clones) never take the last worker, so
that a fetch of one commit does not wait behind them.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

from gitserver.upload.answers import Event

_LINE = 64 << 20
_PATIENCE = 5.0
_RESIDENT = 90 << 20
"""A worker that is larger than this after a job makes room for a fresh one."""

_LAST = frozenset(("end", "refused", "failed", "cancelled"))


class WorkerLost(Exception):
    """Raised when a worker process ended in the middle of a job."""


class WorkersBusy(Exception):
    """Raised when too many jobs wait already."""


class WorkerPool:
    """Worker processes of one event loop."""

    def __init__(self, size: int = 2, queue: int = 64) -> None:
        """`size`: how many processes; at least two, or a long job holds up all others.
        `queue`: how many jobs may wait for one."""
        self._size = size
        self._queue = queue
        self._jobs = 0
        self._idle: list[_Worker] = []
        self._busy: set[_Worker] = set()
        self._any = asyncio.Semaphore(self._size)
        self._heavy = asyncio.Semaphore(max(1, self._size - 1))
        self._closed = False

    async def run(self, job: dict[str, Any], *, heavy: bool) -> AsyncIterator[Event]:
        """The events of a job, its last one included. Closing the iterator cancels the job.

        Raises `WorkerLost`, or `WorkersBusy` before anything was done.
        """
        if self._jobs >= self._size + self._queue:
            raise WorkersBusy("the server has too much to do; please try again in a minute")
        self._jobs += 1
        try:
            async with self._heavy if heavy else _NOTHING, self._any:
                worker = await self._take(str(job["repo"]))
                try:
                    async for event in worker.run(job):
                        yield event
                finally:
                    await asyncio.shield(self._give_back(worker))
        finally:
            self._jobs -= 1

    async def close(self) -> None:
        """End every worker."""
        self._closed = True
        for worker in [*self._idle, *self._busy]:
            await worker.end()
        self._idle.clear()

    async def warm(self) -> None:
        """Start one worker before it is needed."""
        if not self._idle and not self._busy:
            self._idle.append(await _Worker.start())

    def pids(self) -> list[int]:
        """Process ids of the workers that run now."""
        return [worker.pid for worker in (*self._idle, *self._busy) if worker.alive]

    async def _take(self, repo: str) -> _Worker:
        """An idle worker, rather one that knows the repository already; else a new one."""
        self._idle = [worker for worker in self._idle if worker.alive]
        chosen = next((worker for worker in self._idle if worker.last == repo), None)
        if chosen is None and self._idle:
            chosen = self._idle[-1]
        if chosen is not None:
            self._idle.remove(chosen)
        else:
            chosen = await _Worker.start()
        self._busy.add(chosen)
        return chosen

    async def _give_back(self, worker: _Worker) -> None:
        await worker.settle()
        self._busy.discard(worker)
        if worker.alive and not self._closed and worker.resident < _RESIDENT:
            self._idle.append(worker)
        else:
            await worker.end()


class _Nothing:
    async def __aenter__(self) -> None:
        return None

    async def __aexit__(self, *error: object) -> None:
        return None


_NOTHING = _Nothing()


class _Worker:
    """One process and its pipes."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._working = False
        self.last = ""
        self.resident = 0

    @classmethod
    async def start(cls) -> _Worker:
        environment = {
            "PATH": os.environ.get("PATH", ""),
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "gitserver.upload.worker",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=environment,
            cwd="/",
            limit=_LINE,
            start_new_session=True,
        )
        return cls(process)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.returncode is None

    async def run(self, job: dict[str, Any]) -> AsyncIterator[Event]:
        self._working = True
        self.last = str(job["repo"])
        await self._send(job)
        while True:
            event = await self._read()
            if event["e"] in _LAST:
                self._working = False
                self.resident = int(event.get("rss", 0))
            yield event
            if not self._working:
                return

    async def settle(self) -> None:
        """After a job: if it was left half way, cancel it, or end a process that will not."""
        if not self._working or not self.alive:
            return
        with suppress(WorkerLost, TimeoutError):
            await self._send({"cancel": True})
            async with asyncio.timeout(_PATIENCE):
                while (await self._read())["e"] not in _LAST:
                    pass
                self._working = False
                return
        await self.end()

    async def end(self) -> None:
        """Kill the process and wait until it is gone."""
        with suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()

    async def _send(self, message: dict[str, Any]) -> None:
        stdin = self._process.stdin
        if stdin is None:
            raise WorkerLost("the worker has no input")
        try:
            stdin.write(json.dumps(message).encode() + b"\n")
            await stdin.drain()
        except (BrokenPipeError, ConnectionResetError) as lost:
            raise WorkerLost("a git worker process ended") from lost

    async def _read(self) -> Event:
        stdout = self._process.stdout
        line = await stdout.readline() if stdout else b""
        if not line.endswith(b"\n"):
            await self._process.wait()
            raise WorkerLost("a git worker process ended")
        event: Event = json.loads(line)
        return event
