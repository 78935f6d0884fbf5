"""upload-pack as a service: the same for HTTP (stateless) and SSH (one long conversation).

The event loop reads requests, frames answers and copies bytes from files; walking and pack making
happen in worker processes. Answers leave in bursts of about half a megabyte and only as fast as
the consumer takes them. Everything is keyed on what is on disk, so plain git may write the
repositories at the same time.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any, Protocol

from gitserver import pktline
from gitserver.upload.core import Core, closable
from gitserver.upload.fetch_v0 import FetchV0
from gitserver.upload.fetch_v2 import FetchV2
from gitserver.upload.making import Stale
from gitserver.upload.refs import RefsUnreadable
from gitserver.upload.request import ProtocolError
from gitserver.upload.rules import DEFAULT_RULES, UploadRules
from gitserver.upload.workers import WorkerLost, WorkerPool, WorkersBusy
from spaceport.errors import Unavailable
from spaceport.pools import Pools


class Writer(Protocol):
    """Where a long conversation is written: `drain` waits until the other side takes it."""

    def write(self, data: bytes) -> None: ...

    async def drain(self) -> None: ...


class UploadService:
    """Serves any number of repositories. One for each event loop."""

    def __init__(self, cache: Path, pools: Pools, rules: UploadRules = DEFAULT_RULES) -> None:
        """`cache`: a folder of our own for proofs and finished answers, which may be removed at
        any time. `rules`: how a repository is read unless a call says otherwise; its limits also
        size the pool of workers and the cache."""
        self._rules = rules
        limits = rules.limits
        self._workers = WorkerPool(max(2, limits.workers), limits.queue)
        self._core = Core(cache, pools, self._workers, limits.cache_bytes)
        self._v0 = FetchV0(self._core)
        self._v2 = FetchV2(self._core)

    async def close(self) -> None:
        """End the worker processes."""
        await self._workers.close()

    async def warm(self) -> None:
        """Start a worker before the first request needs it."""
        await self._workers.warm()

    @property
    def worker_pids(self) -> list[int]:
        """Process ids of the workers that run now, for `doctor` and tests."""
        return self._workers.pids()

    async def advertise(
        self, repo: Path, version: int, *, rules: UploadRules | None = None, stateless: bool = True
    ) -> bytes:
        """The upload-pack advertisement in packet lines, its flush included; `version` 0, 1 or 2.

        The HTTP handler puts the `# service=` frame before it. Raises `NotFound` when there is no
        repository (any longer), `RefsUnreadable` when it cannot be read.
        """
        return await self._core.catalog.advert(repo, rules or self._rules, version, stateless)

    async def serve(
        self,
        repo: Path,
        version: int,
        request: AsyncIterator[bytes],
        *,
        rules: UploadRules | None = None,
    ) -> AsyncIterator[bytes]:
        """Answer one stateless request. What is wrong with it is said in an `ERR` packet; closing
        the iterator ends the work. Raises `NotFound` and what `request` raises."""
        answer = self._v2.stateless if version == 2 else self._v0.stateless
        reading = self._core.reading(repo, rules or self._rules)
        try:
            async with aclosing(closable(answer(reading, request))) as chunks:
                async for chunk in chunks:
                    yield chunk
        except (ProtocolError, RefsUnreadable, WorkerLost, WorkersBusy, Stale) as error:
            yield _refusal(error)

    async def maintain(
        self, repo: Path, incoming: Path, *, grace: float = 14 * 24 * 3600.0, full: bool = False
    ) -> dict[str, Any]:
        """Maintain one repository in a worker process: the fields of `upkeep.Upkeep`.

        `incoming`: where pushes to it are checked. Raises `Unavailable` when it could not be done.
        """
        done: dict[str, Any] = {}
        job = self._core.job(self._core.reading(repo, self._rules), "maintain")
        job |= {"incoming": str(incoming), "grace": grace, "full": full}
        try:
            async for event in self._workers.run(job, heavy=True):
                if event["e"] == "upkeep":
                    done = {name: value for name, value in event.items() if name != "e"}
                elif event["e"] == "failed":
                    raise Unavailable(f"{repo.name} was not maintained: {event['text']}")
        except (WorkerLost, WorkersBusy) as error:
            raise Unavailable(f"{repo.name} was not maintained: {error}") from error
        return done

    async def serve_duplex(
        self,
        repo: Path,
        version: int,
        reader: AsyncIterator[bytes],
        writer: Writer,
        *,
        rules: UploadRules | None = None,
    ) -> bool:
        """A whole conversation over a two-way stream (SSH), its advertisement included.

        Gives False when the client was refused (it has been told why). Raises `NotFound`.
        """

        async def send(data: bytes) -> None:
            writer.write(data)
            await writer.drain()

        reading = self._core.reading(repo, rules or self._rules)
        talk = self._v2.duplex if version == 2 else self._v0.duplex
        try:
            await send(await self.advertise(repo, version, rules=reading.rules, stateless=False))
            await talk(reading, reader, send)
        except (ProtocolError, RefsUnreadable, WorkerLost, WorkersBusy, Stale) as error:
            await send(_refusal(error))
            return False
        return True


def _refusal(error: Exception) -> bytes:
    if isinstance(error, ProtocolError):
        return pktline.error(str(error))
    if isinstance(error, RefsUnreadable | WorkersBusy):
        return pktline.error(f"upload-pack: {error}")
    return pktline.error("upload-pack: the server could not finish; please try again")
