"""Looks at the host's memory and cores, and asks unused apps to go down the ladder while there is
too little."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from pathlib import Path

from config.runtime import CpuSettings, MemorySettings
from runtime.pressure import (
    Candidate,
    Memory,
    Rung,
    busy,
    demands,
    memory_told,
    pauses,
    short,
    stalled,
)
from spaceport.names import SpaceKey

logger = logging.getLogger(__name__)


def read_memory(proc: Path = Path("/proc")) -> Memory | None:
    """None where the kernel does not tell."""
    pressure = ""
    with suppress(OSError):
        pressure = (proc / "pressure" / "memory").read_text()
    try:
        return memory_told((proc / "meminfo").read_text(), pressure)
    except OSError:
        return None


def read_cpu(proc: Path = Path("/proc")) -> float | None:
    """Per cent of the last ten seconds in which work waited for a core; None where the kernel does
    not tell."""
    try:
        return stalled((proc / "pressure" / "cpu").read_text())
    except OSError:
        return None


class Relief:
    """What is demanded of each Space now. Forgotten when there is memory again: what went down
    stays down until it is used, and comes up by its use alone."""

    def __init__(
        self,
        settings: MemorySettings,
        read: Callable[[], Memory | None] = read_memory,
        cpu: CpuSettings | None = None,
        read_cpu: Callable[[], float | None] = read_cpu,
    ) -> None:
        self._settings = settings
        self._read = read
        self._cpu = cpu or CpuSettings()
        self._read_cpu = read_cpu
        self._demands: dict[SpaceKey, Rung] = {}
        self.short = False
        self.busy = False

    def demand(self, key: SpaceKey) -> Rung:
        return self._demands.get(key, Rung.RUNNING)

    async def run(
        self,
        candidates: Callable[[], Iterable[Candidate]],
        poke: Callable[[SpaceKey], Awaitable[None]],
    ) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(self._settings.look)
            for key in self.look(candidates):
                await poke(key)

    def look(self, candidates: Callable[[], Iterable[Candidate]]) -> tuple[SpaceKey, ...]:
        """Whom to poke."""
        memory, waited = self._read(), self._read_cpu()
        if memory is not None:
            self._note_memory(memory)
        self.busy = busy(waited, self.busy, self._cpu)
        if not self.short and not self.busy:
            self._demands.clear()
            return ()
        there = list(candidates())
        found = pauses(there, self._cpu) if self.busy else {}
        found |= demands(there, self._settings) if self.short else {}
        self._demands.update(found)
        return tuple(found)

    def _note_memory(self, memory: Memory) -> None:
        was, self.short = self.short, short(memory, self.short, self._settings)
        if self.short != was:
            free = 100 * memory.available / memory.total
            logger.warning(
                "memory is %s: %.0f per cent of it is available",
                "short, so unused apps are held or put to sleep early"
                if self.short
                else "enough again",
                free,
            )
