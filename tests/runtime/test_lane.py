"""The end of a lane: whatever wakes it at that very moment, it ends and stays ended."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from runtime.lane import Lane
from runtime.turns import Turns


class Resting(Lane):
    """Has nothing to do but to look again later."""

    async def _settle(self) -> float | None:
        return 3600.0


@pytest.mark.req("DUR-17")
async def test_a_wake_up_at_the_moment_of_the_end_does_not_keep_it_alive() -> None:
    tools: Any = SimpleNamespace(turns=Turns(lambda: 1, longest=20))
    lane = Resting("5" * 24, tools)
    lane.poke()
    for _ in range(5):
        await asyncio.sleep(0)
    lane.poke()  # wakes it ...
    await asyncio.sleep(0)
    async with asyncio.timeout(20):
        await lane.close()  # ... when it is told to end
    lane.poke()
    assert lane.idle
