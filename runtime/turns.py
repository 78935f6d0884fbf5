"""So many apps begin at the same time, the others in turn: all at once, each would be so slow that
its own checks give up (Gradio's wait three seconds for its first answer), as after a reboot."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable

from spaceport.names import SpaceKey

PER_CORE = 2
FEWEST = 2


def places(cores: float) -> int:
    """How many apps may begin at the same time on a host with so many cores."""
    return max(FEWEST, math.floor(PER_CORE * cores))


class Turns:
    """Who begins now, and who waits for that. All of it on the loop.

    A turn ends when its app answers or has ended (`leave`), and at the latest after `longest`
    seconds: an app that loads a model for minutes must not keep the others waiting.
    """

    def __init__(
        self,
        places: Callable[[], int],
        longest: float,
        awaited: Callable[[SpaceKey], bool] = lambda _key: False,
    ) -> None:
        """`awaited` says whether a visitor waits for this Space: those come first."""
        self._places = places
        self._longest = longest
        self._awaited = awaited
        self._beginning: dict[SpaceKey, asyncio.TimerHandle] = {}
        self._waiting: dict[SpaceKey, Callable[[], None]] = {}  # in order of arrival

    def may_begin(self, key: SpaceKey, poke: Callable[[], None]) -> bool:
        """Take a turn if it is this Space's; if not, `poke` is called when it may be."""
        if key in self._beginning:
            return True
        self._waiting[key] = poke
        if key not in self._next():
            return False
        del self._waiting[key]
        over = asyncio.get_running_loop().call_later(self._longest, self.leave, key)
        self._beginning[key] = over
        return True

    def waits(self, key: SpaceKey) -> bool:
        return key in self._waiting

    def leave(self, key: SpaceKey) -> None:
        """It neither begins nor waits for it, or has begun for long enough."""
        waited = self._waiting.pop(key, None)
        over = self._beginning.pop(key, None)
        if over is not None:
            over.cancel()
        if waited is None and over is None:
            return
        for other in self._next():
            self._waiting[other]()

    def close(self) -> None:
        self._waiting.clear()
        for over in self._beginning.values():
            over.cancel()

    def _next(self) -> list[SpaceKey]:
        """Those whose turn it is, of those who wait."""
        free = max(0, self._places() - len(self._beginning))
        return sorted(self._waiting, key=lambda key: not self._awaited(key))[:free]
