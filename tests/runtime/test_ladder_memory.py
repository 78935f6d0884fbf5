"""Swapped out for real, and what a host that is short of memory does: with either engine."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from config.runtime import CpuSettings, MemorySettings
from runtime.pressure import Memory
from spaceport.states import ReplicaState
from tests.runtime.test_ladder import SOON, app, serving
from tests.runtime.world import World
from tests.swap import swap_area
from tests.waiting import aeventually

pytestmark = pytest.mark.engine
MIB = 1024**2
HEAVY = "held = bytearray(range(256)) * (32 * 4096)\n"
SHORT = Memory(100, 5)
QUICK_LOOKS = MemorySettings(look=0.1, unused=SOON)


def resident(world: World) -> int:
    """Bytes of the one container."""
    return world.engine.usage(world.containers()[0]).memory


@pytest.mark.req("RUN-12")
async def test_frozen_then_swapped_out_then_answering_again(
    either: World,
    tmp_path: Path,
) -> None:
    world = either
    key = world.space()
    with swap_area(tmp_path):
        try:
            async with serving(world, swap_after=2 * SOON) as host:
                world.push(key, HEAVY + app("one"))
                for _ in range(2):  # it goes down again after it was used
                    await host.freezes(key)
                    await aeventually(lambda: resident(world) < 16 * MIB, 30)
                    assert world.newest_replica(key).state is ReplicaState.FROZEN
                    assert world.stage(key) == "RUNNING"
                    assert await host.ask(key, bytes(300_000)) == (200, b"one 300000")
        finally:
            for handle in world.containers():
                world.engine.remove(handle)


async def test_with_busy_cores_unused_apps_are_frozen_early(either: World) -> None:
    world = either
    key, waited = world.space(), 0.0
    world.read_cpu = lambda: waited
    cpu = CpuSettings(unused=SOON)
    async with serving(world, freeze_after=3600, memory=QUICK_LOOKS, cpu=cpu) as host:
        world.push(key, app("one"))
        await host.serves(key, b"one 0")
        waited = 99.0
        await host.freezes(key)
        waited = 0.0
        assert world.stage(key) == "RUNNING"
        assert await host.ask(key) == (200, b"one 0")


@pytest.mark.req("RUN-12")
async def test_short_of_memory_unused_apps_sleep_early_and_paid_ones_are_only_frozen(
    either: World,
) -> None:
    world = either
    free, paid = world.space(), world.space(name="paid", flavor="cpu-upgrade")
    memory = Memory(100, 90)
    world.read_memory = lambda: memory
    async with serving(world, freeze_after=0, memory=QUICK_LOOKS) as host:
        world.push(free, app("free"))
        world.push(paid, app("paid"))
        await host.serves(free, b"free 0")
        await host.serves(paid, b"paid 0")
        memory = SHORT
        await world.becomes(free, "SLEEPING")
        await aeventually(lambda: world.newest_replica(paid).state is ReplicaState.FROZEN)
        assert world.stage(paid) == "RUNNING"
        assert await host.ask(paid) == (200, b"paid 0")
        memory = Memory(100, 90)
        await host.serves(free, b"free 0")
        await asyncio.sleep(SOON * 3)  # nothing is to happen
        assert world.stage(free) == "RUNNING"
        assert world.newest_replica(free).state is ReplicaState.READY
