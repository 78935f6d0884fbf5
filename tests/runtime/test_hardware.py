"""Hardware on the real engine: changed without a gap, waited for in turn, limited to an owner."""

from __future__ import annotations

import asyncio

import pytest

from config.runtime import PlacementSettings
from spaceport.ledger import grants, replicas, spaces, waiting
from spaceport.stage import Wanted
from tests.runtime.world import QUICK, World, server
from tests.waiting import aeventually

pytestmark = pytest.mark.engine

SAYS_CORES = server("@", first='CORES = os.environ["CPU_CORES"]').replace("'@'", "CORES")


async def test_no_request_fails_while_the_hardware_changes(world: World) -> None:
    world.start()
    key = world.space()
    world.push(key, SAYS_CORES)
    await world.serves(key, "2")
    answers = ["2"]

    async def visit() -> None:
        while answers[-1] != "8":
            answers.append(await world.get(key))

    visitor = asyncio.create_task(visit())
    with world.ledger.write() as tx:
        spaces.set_flavor(tx, key, "cpu-upgrade")
    await asyncio.wait_for(visitor, 120)
    assert set(answers) == {"2", "8"} and answers == sorted(answers)


@pytest.mark.req("RUN-15")
async def test_an_owner_runs_so_many_and_the_next_one_waits(world: World) -> None:
    placement = PlacementSettings(running_per_owner=2)
    world.settings = QUICK.model_copy(update={"placement": placement, "sweep": 0.3})
    world.start()
    keys = [world.space(f"app{number}") for number in range(5)]
    for key in keys:
        world.push(key, server("hello"))
    await aeventually(lambda: sum(world.stage(key) == "RUNNING" for key in keys) == 2, 60)
    left = [key for key in keys if world.stage(key) != "RUNNING"]
    await aeventually(lambda: all(world.cause(key) == "NO_CAPACITY" for key in left))
    with world.ledger.read() as tx:
        assert len(replicas.alive(tx)) == 2
        assert {one.space_key for one in waiting.listed(tx)} == set(left)
    running = next(key for key in keys if key not in left)
    world.want(running, Wanted.PAUSED)
    await aeventually(lambda: any(world.stage(key) == "RUNNING" for key in left), 60)


async def test_a_grant_costs_nothing_and_ends(world: World) -> None:
    world.settings = QUICK.model_copy(update={"sweep": 0.3})
    world.start()
    key = world.space()
    world.push(key, SAYS_CORES)
    await world.serves(key, "2")
    with world.ledger.write() as tx:
        asked = grants.ask(tx, key, "cpu-upgrade", "a course")
        grants.approve(tx, asked, "cpu-upgrade")
    await world.serves(key, "8")
    assert world.newest_replica(key).price == 0
    with world.ledger.write() as tx:
        grants.end(tx, grants.get(tx, asked.id), "cpu-basic")
    await world.serves(key, "2")
