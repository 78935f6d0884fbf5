"""One answer in the making and all who read it: one maker, many readers.

The maker's events are kept in order; every reader takes them from the first on, so that twelve
clones at once cost one walk. Files are opened when the maker names them and stay open until the
last reader has gone, whatever maintenance removes meanwhile. When the last reader leaves, the job
is cancelled.
"""

from __future__ import annotations

import asyncio
import base64
import os
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

from gitserver.upload.answers import Event
from gitserver.upload.workers import WorkerLost, WorkerPool, WorkersBusy

_LAST = frozenset(("end", "refused", "failed", "cancelled"))


class Stale(Exception):
    """Raised when a file of a finished answer went away before it could be opened."""


class Making:
    """The events of one job, shared."""

    def __init__(self, pool: WorkerPool, job: dict[str, Any], *, heavy: bool) -> None:
        self._events: list[Event] = []
        self._files: dict[str, int] = {}
        self._changed = asyncio.Condition()
        self._error: Exception | None = None
        self._readers = 0
        self.ended = False
        self.closed = False
        """True once the last reader has gone: nobody may join any longer."""

        self._task = asyncio.create_task(self._work(pool, job, heavy))

    async def events(self) -> AsyncIterator[Event]:
        """Every event from the first, the last one included. Raises `WorkerLost` or `Stale`."""
        self._readers += 1
        position = 0
        try:
            while True:
                async with self._changed:
                    while position >= len(self._events) and not self.ended:
                        await self._changed.wait()
                if position >= len(self._events):
                    raise self._error or WorkerLost("the job ended without an answer")
                event = self._events[position]
                position += 1
                yield event
                if event["e"] in _LAST:
                    return
        finally:
            self._readers -= 1
            if not self._readers and not self.closed:
                await self._leave()

    def file(self, event: Event) -> int:
        """The open descriptor of a file that an event named."""
        return self._files[event["path"]]

    async def _work(self, pool: WorkerPool, job: dict[str, Any], heavy: bool) -> None:
        try:
            events = pool.run(job, heavy=heavy)
            try:
                async for event in events:
                    self._note(event)
                    async with self._changed:
                        self._changed.notify_all()
            finally:
                await events.aclose()  # type: ignore[attr-defined]
        except (WorkerLost, WorkersBusy, Stale) as error:
            self._error = error
        finally:
            self.ended = True
            async with self._changed:
                self._changed.notify_all()

    def _note(self, event: Event) -> None:
        if event["e"] in ("hold", "range", "part") and event["path"] not in self._files:
            try:
                self._files[event["path"]] = os.open(event["path"], os.O_RDONLY | os.O_CLOEXEC)
            except OSError as gone:
                raise Stale(f"{event['path']} went away") from gone
        self._events.append(event)

    async def _leave(self) -> None:
        self.closed = True
        if not self._task.done():
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        self.ended = True
        for descriptor in self._files.values():
            os.close(descriptor)
        self._files.clear()


def inline(event: Event) -> bytes:
    """The bytes that an event carries itself."""
    return base64.b64decode(event["data"])
