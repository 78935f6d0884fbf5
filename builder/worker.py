"""The builder at work: follows the ledger, runs builds side by side, stops what is not wanted.

    event → look (is a build due? queue it) → prepare, a few at a time → slot → make → ledger

Use from one event loop; everything that blocks runs on threads of its own.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import threading
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from builder.desk import Begun, Desk, Looked
from builder.failed import BuildFailed
from builder.leftovers import Leftovers
from builder.log import BuildLog
from builder.places import Places
from builder.prewarm import Prewarm
from builder.session import Prepared, Result, Session
from builder.slots import Slots
from builder.step import Attempt
from config.builder import BuilderSettings
from spaceport.cause import Cause, Failure
from spaceport.engine import Engine, EngineDown, EngineRefused
from spaceport.errors import NotFound
from spaceport.follower import Follower
from spaceport.ledger import Ledger
from spaceport.ledger.builds import Build
from spaceport.ledger.events import EventKind
from spaceport.names import SpaceKey
from spaceport.pools import Pools
from spaceport.states import BuildState

logger = logging.getLogger(__name__)

PREPARING = 4  # revisions laid out and planned at the same time
STOP_SECONDS = 20.0  # how long builds may take to end when the process does
KINDS = (
    EventKind.SPACE_CREATED,
    EventKind.SPACE_CHANGED,
    EventKind.SPACE_WANTED,
    EventKind.SPACE_DELETED,
    EventKind.HEAD_MOVED,
    EventKind.BUILD_CHANGED,
)


@dataclass
class Job:
    """A build of this process, from queued to settled."""

    build: Build
    owner: str
    why: str
    asked: threading.Event = field(default_factory=threading.Event)
    stopped: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None

    def stop(self) -> None:
        self.asked.set()
        self.stopped.set()


class Worker:
    def __init__(
        self,
        ledger: Ledger,
        pools: Pools,
        engine: Engine,
        places: Places,
        settings: BuilderSettings,
        desk: Desk,
        session: Session,
        leftovers: Leftovers,
        prewarm: Prewarm,
    ) -> None:
        self._pools = pools
        self._threads = Pools({"build": settings.concurrency + PREPARING + 2})
        self._engine = engine
        self._places = places
        self._settings = settings
        self._desk = desk
        self._session = session
        self._leftovers = leftovers
        self._prewarm = prewarm
        self._ending = threading.Event()
        self._preparing = asyncio.Semaphore(PREPARING)
        self._jobs: dict[str, Job] = {}
        self._without_engine: set[SpaceKey] = set()
        self.slots = Slots(settings.concurrency)
        self._follower = Follower("builder", ledger, pools, self.look, self._sweep, kinds=KINDS)

    @property
    def idle(self) -> bool:
        return not self._jobs and self.slots.free

    async def run(self) -> None:
        """Build until cancelled; then end every build, which is queued again at the next start."""
        await self._pools.run("db", self._desk.interrupt_running)
        await self._threads.run("build", self._leftovers.remove)
        warming = asyncio.create_task(self._warm())
        try:
            await self._follower.run()
        finally:
            self._ending.set()
            await self._end(warming)

    async def look(self, key: SpaceKey) -> None:
        """Bring the builds of one Space in line with what is wanted. Quick, may be repeated."""
        looked = await self._pools.run("db", self._desk.look, key)
        wanted = looked.build.id if looked.build is not None else ""
        for job in list(self._jobs.values()):
            if job.build.space_key == key and job.build.id != wanted:
                job.stop()
        # One that runs is ours and under way, or has ended since it was looked at.
        queued = looked.build is not None and looked.build.state is BuildState.QUEUED
        if looked.build is not None and queued and wanted not in self._jobs:
            self._start(looked.build, looked)

    def _start(self, build: Build, looked: Looked) -> None:
        job = Job(build, looked.owner, looked.why or "queued before")
        self._jobs[build.id] = job
        job.task = asyncio.create_task(self._run_job(job), name=f"build {build.id}")

    async def _sweep(self) -> Iterable[SpaceKey]:
        return await self._pools.run("db", self._desk.keys)

    async def _warm(self) -> None:
        """Our own installations, one after the other, when nobody else wants the slot."""
        for sdk in self._prewarm.sdks:
            async with self.slots.take(""):
                await self._threads.run("build", self._prewarm.install, sdk, self._ending.is_set)

    async def _end(self, warming: asyncio.Task[None]) -> None:
        tasks = [job.task for job in self._jobs.values() if job.task is not None]
        tasks.append(warming)
        for job in self._jobs.values():
            job.stop()
        await asyncio.wait(tasks, timeout=STOP_SECONDS)
        warming.cancel()
        self._threads.close()

    async def _run_job(self, job: Job) -> None:
        try:
            await self._wait_for_engine(job)
            begun = await self._pools.run("db", self._desk.begin, job.build)
            if begun is not None:
                await self._build(job, begun)
        except Exception:
            logger.exception("build %s could not be settled", job.build.id)
        finally:
            self._jobs.pop(job.build.id, None)

    async def _build(self, job: Job, begun: Begun) -> None:
        log = await self._threads.run("build", BuildLog, self._places.data, begun.build)
        log.begin(begun.build, job.why)
        started = time.monotonic()
        attempt = Attempt(
            build_id=begun.build.id,
            space_key=begun.build.space_key,
            say=log.say,
            output=log.output,
            stop_asked=job.asked.is_set,
            deadline=started + self._settings.timeout,
            egress=begun.task.egress,
        )
        plan: dict[str, Any] = {}
        try:
            result = await self._attempt(job, begun, attempt, log, plan)
            if await self._pools.run("db", self._desk.succeed, begun, result):
                log.succeeded(time.monotonic() - started)
            else:
                log.stopped("a newer one took its place.")
                await self._threads.run("build", self._leftovers.drop, result.artifact)
        except InterruptedError:
            await self._interrupted(begun, log)
        except EngineDown as error:
            log.stopped(f"{error} It is queued again and starts when the engine answers.")
            self._without_engine.add(begun.build.space_key)
            await self._pools.run("db", self._desk.interrupt, begun.build)
        except Exception as error:
            failure = self._failure(error)
            log.failed(failure)
            await self._pools.run("db", self._desk.fail, begun, failure, plan)
        finally:
            log.close()

    async def _attempt(
        self, job: Job, begun: Begun, attempt: Attempt, log: BuildLog, plan: dict[str, Any]
    ) -> Result:
        async with self._preparing:
            prepared = await self._threads.run("build", self._session.prepare, begun.task, attempt)
        plan.update(prepared.plan.to_json())
        if prepared.result is not None:
            return prepared.result
        if not self.slots.free:
            log.say("Waiting for other builds to end.")
        async with self.slots.take(job.owner, job.stopped):
            attempt.deadline = time.monotonic() + self._settings.timeout
            return await self._threads.run("build", self._make, prepared, attempt, log)

    def _make(self, prepared: Prepared, attempt: Attempt, log: BuildLog) -> Result:
        def reveal() -> Mapping[str, str]:
            values = self._desk.reveal(attempt.space_key)
            log.hide(values.values())
            return values

        return self._session.make(prepared, attempt, reveal)

    async def _interrupted(self, begun: Begun, log: BuildLog) -> None:
        """Superseded by a newer build, or paused, deleted, or the process ends."""
        if await self._pools.run("db", self._desk.interrupt, begun.build):
            log.stopped("it is not wanted at the moment.")
        else:
            log.stopped("a newer one took its place.")

    def _failure(self, error: Exception) -> Failure:
        if isinstance(error, BuildFailed):
            return error.failure
        if isinstance(error, TimeoutError):
            limit = f"{self._settings.timeout / 60:g} minutes"
            return Failure(Cause.BUILD_TIMEOUT, {"limit": limit})
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return Failure(Cause.DISK_FULL)
        if isinstance(error, EngineRefused | NotFound):
            return Failure(Cause.BUILD_FAILED, {"problem": str(error)})
        logger.error("a build met an unexpected error", exc_info=error)
        problem = "something unexpected happened; the server's log has the details."
        return Failure(Cause.BUILD_FAILED, {"problem": problem})

    async def _wait_for_engine(self, job: Job) -> None:
        """Only for a Space whose last try met no engine; others may not need one."""
        key = job.build.space_key
        while key in self._without_engine and not job.stopped.is_set():
            try:
                await self._pools.run("engine", self._engine.probe)
                await self._threads.run("build", self._leftovers.remove_containers_of, key)
                self._without_engine.discard(key)
            except EngineDown:
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._settings.engine_retry):
                        await job.stopped.wait()
