"""Follows one replica: its log, its end, and, while it starts, whether it answers.

What is found is in plain attributes; `poke` is called when one changed. Nothing is decided here.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace

from config.runtime import StartSettings
from runtime import diagnosis
from runtime.diagnosis import Expectations, Findings
from runtime.readiness import Connect, Probe
from runtime.runlog import RunLog, record
from runtime.view import End, Sighting
from spaceport.cause import Failure
from spaceport.engine import Engine, EngineDown, Exit, Handle, Listening, NoSuchContainer
from spaceport.pools import Pools

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Watched:
    """The replica, and how it is reached."""

    engine: Engine
    pools: Pools
    handle: Handle
    connect: Connect
    expected: Expectations
    host: str
    settings: StartSettings


class Watch:
    """Create it inside the loop. `close` ends it; the container goes on."""

    def __init__(self, watched: Watched, log: RunLog, poke: Callable[[], None]) -> None:
        self.answered = False
        self.end: End | None = None
        self.dismissed = False  # we ask it to stop: its end is no crash
        self._watched = watched
        self._log = log
        self._poke = poke
        self._counts = False
        self._probe: Probe | None = None
        self._follower: asyncio.Task[None] | None = None
        self._prober: asyncio.Task[None] | None = None

    @property
    def findings(self) -> Findings:
        return Findings() if self._probe is None else self._probe.findings

    def misplaced_for(self) -> float | None:
        """Seconds for which it has been listening where nobody looks."""
        since = None if self._probe is None else self._probe.misplaced_since
        return None if since is None else asyncio.get_running_loop().time() - since

    def keep_up(self, *, running: bool, starting: bool) -> None:
        """Follow it (again, after the engine was away), and ask it while it starts.

        `running` is what the engine says now: an end that is found later was seen by us.
        """
        if self.end is None and (self._follower is None or self._follower.done()):
            self._counts = running
            self._follower = asyncio.create_task(self._follow())
        wanted = starting and running and not self.answered
        if wanted and (self._prober is None or self._prober.done()):
            self._prober = asyncio.create_task(self._ask())

    def started_by_us(self) -> None:
        """However early it ends, we saw it run."""
        self._counts = True
        self._follower = asyncio.create_task(self._follow())

    def refused(self, failure: Failure) -> None:
        """The engine would not start it: the log says why, and nothing else will come."""
        self._log.end(failure.explain().sentence)

    def sight(self, seen: Sighting) -> Sighting:
        """`seen`, with what this watch knows."""
        return replace(
            seen,
            answered=self.answered,
            findings=self.findings,
            misplaced_for=self.misplaced_for(),
            end=self.end or seen.end,
        )

    async def finished(self, seconds: float) -> None:
        """Wait until the log is complete, but not for ever."""
        if self._follower is not None:
            await asyncio.wait([self._follower], timeout=seconds)

    async def close(self, *, gone: bool = False) -> None:
        """End the tasks. The thread that reads the log writes no more.

        `gone`: nothing will come any more, and the log says so if it has no end yet.
        """
        tasks = [task for task in (self._follower, self._prober) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if gone:
            self._log.end("stopped" if self.dismissed else "its container is gone")
        self._log.close()

    async def _follow(self) -> None:
        ended = await self._await_end()
        if self._prober is not None:
            self._prober.cancel()
        if ended is not None:
            self._diagnose(ended)
        self._poke()

    async def _await_end(self) -> Exit | None:
        """None when it was lost out of sight: the engine went away, or the container with it."""
        watched = self._watched
        try:
            return await watched.pools.follow(record, watched.engine, watched.handle, self._log)
        except (NoSuchContainer, EngineDown):
            return None
        except Exception:
            logger.exception("the log of %s cannot be followed", watched.handle[:12])
            return None

    def _diagnose(self, ended: Exit) -> None:
        expected = self._watched.expected
        failure = diagnosis.of_exit(ended, self._log.last_words, expected)
        self._log.end("stopped" if self.dismissed else failure.explain().sentence)
        outside = diagnosis.ended_from_outside(ended)
        self.end = End(failure, counts=self._counts, outside=outside)

    async def _ask(self) -> None:
        watched = self._watched
        self._probe = Probe(
            watched.connect,
            self._listening,
            watched.expected,
            watched.host,
            watched.settings,
            changed=self._poke,
        )
        with suppress(NoSuchContainer):
            await self._probe.run()
            self.answered = True
            self._poke()

    async def _listening(self) -> tuple[Listening, ...]:
        watched = self._watched
        return tuple(await watched.pools.run("dial", watched.engine.listening, watched.handle))
