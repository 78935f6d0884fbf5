"""Who builds next: a bounded number at a time, round-robin by owner (BLD-17)."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Waiting:
    """One that waits for a slot; `number` grows with each that came. No owner: our own work,
    which takes what nobody else wants."""

    number: int
    owner: str


def choose(
    waiting: Sequence[Waiting], running: Mapping[str, int], served: Mapping[str, int]
) -> Waiting | None:
    """Who is next: the owner with the fewest running builds, of these the one who was served
    longest ago, and of his builds the oldest. `served` numbers the last turn of each owner."""
    if not waiting:
        return None
    return min(
        waiting,
        key=lambda each: (
            not each.owner,
            running.get(each.owner, 0),
            served.get(each.owner, 0),
            each.number,
        ),
    )


@dataclass
class Slots:
    """Use from one event loop."""

    size: int
    _waiting: dict[Waiting, asyncio.Future[None]] = field(default_factory=dict)
    _running: Counter[str] = field(default_factory=Counter)
    _served: dict[str, int] = field(default_factory=dict)
    _turn: int = 0

    @property
    def free(self) -> bool:
        return self._running.total() < self.size and not self._waiting

    @asynccontextmanager
    async def take(self, owner: str, stopped: asyncio.Event | None = None) -> AsyncIterator[None]:
        """Wait for a slot and hold it. Raises `InterruptedError` when `stopped` comes first."""
        self._turn += 1
        place = Waiting(self._turn, owner)
        granted = asyncio.get_running_loop().create_future()
        self._waiting[place] = granted
        self._grant()
        try:
            await _first(granted, stopped)
            yield
        finally:
            if granted.done() and not granted.cancelled():
                self._running[owner] -= 1
                self._running += Counter()  # forget owners that have none
            self._waiting.pop(place, None)
            self._grant()

    def _grant(self) -> None:
        while self._running.total() < self.size:
            place = choose(list(self._waiting), self._running, self._served)
            if place is None:
                return
            granted = self._waiting.pop(place)
            if granted.cancelled():
                continue
            self._turn += 1
            self._served[place.owner] = self._turn
            self._running[place.owner] += 1
            granted.set_result(None)


async def _first(granted: asyncio.Future[None], stopped: asyncio.Event | None) -> None:
    if stopped is None:
        await granted
        return
    stop = asyncio.ensure_future(stopped.wait())
    try:
        await asyncio.wait((granted, stop), return_when=asyncio.FIRST_COMPLETED)
    finally:
        stop.cancel()
    if not granted.done():
        granted.cancel()
        raise InterruptedError
