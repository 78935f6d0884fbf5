"""Rollbacks with real containers: beside what serves, swapped on the first answer, lasting."""

from __future__ import annotations

import asyncio

import pytest

from runtime import act, steps
from spaceport.ledger import builds, releases, rollback
from spaceport.ledger.releases import Release
from spaceport.ledger.tables import releases as table
from spaceport.names import SpaceKey
from spaceport.sdk import Sdk
from spaceport.stage import Wanted
from spaceport.states import BuildState, ReleaseState
from tests.runtime.test_adoption import supervisor_process
from tests.runtime.world import World, server
from tests.waiting import aeventually

pytestmark = pytest.mark.engine


def roll_back(world: World, key: SpaceKey, number: int | None = None) -> Release:
    with world.ledger.write() as tx:
        return rollback.roll_back(tx, key, number).release


async def two_versions(world: World) -> SpaceKey:
    key = world.space()
    world.push(key, server("good"))
    world.start()
    await world.serves(key, "good")
    world.push(key, server("bad"))
    await world.serves(key, "bad")
    await world.settled(key, 1)
    return key


@pytest.mark.req("PX-19")
async def test_no_request_fails_on_the_way_back_and_nothing_undoes_it(world: World) -> None:
    key = await two_versions(world)
    seen: list[str] = []
    done = asyncio.Event()

    async def visit() -> None:
        while not done.is_set():
            seen.append(await world.get(key))
            await asyncio.sleep(0.01)

    visitor = asyncio.create_task(visit())
    roll_back(world, key)
    await world.serves(key, "good")
    done.set()
    await visitor
    assert set(seen) == {"bad", "good"}
    await world.settled(key, 1)
    assert world.stage(key) == "RUNNING"

    world.change_settings(key)  # nor does whatever makes another release
    await aeventually(lambda: _live(world, key).number == 4)
    await world.settled(key, 1)
    assert await world.get(key) == "good"
    world.restart(key)
    await aeventually(lambda: _live(world, key).number == 5)
    assert await world.get(key) == "good"
    world.want(key, Wanted.PAUSED)
    await world.settled(key, 0)
    world.restart(key)
    await world.serves(key, "good")

    world.push(key, server("better"))
    await world.serves(key, "better")
    await world.settled(key, 1)


def _live(world: World, key: SpaceKey) -> Release:
    live = world.view(key).live
    assert live is not None
    return live


@pytest.mark.req("DUR-05")
async def test_it_survives_kill_9_at_the_swap_and_a_new_start(world: World) -> None:
    key = await two_versions(world)
    await world.stop()
    roll_back(world, key)
    with supervisor_process(world, "runtime:before-promote=exit") as process:
        await aeventually(lambda: process.poll() is not None)
    assert len(world.containers()) == 2
    world.start()
    await world.serves(key, "good")
    await world.settled(key, 1)
    await world.stop()
    world.start()
    await world.settled(key, 1)
    assert await world.get(key) == "good"
    assert world.stage(key) == "RUNNING"


async def test_an_earlier_version_that_does_not_start_leaves_what_serves(world: World) -> None:
    key = world.space()
    picky = "import os, sys\nif os.environ.get('V') == '2': sys.exit(3)"
    world.push(key, server("first", first=picky))
    world.start()
    await world.serves(key, "first")
    world.push(key, server("second"))
    await world.serves(key, "second")
    await world.settled(key, 1)
    world.secrets[key] = {"V": "2"}  # the present secret, with which the old code fails
    roll_back(world, key, 1)
    await aeventually(lambda: world.cause(key) != "")
    assert world.stage(key) == "RUNNING"
    assert await world.get(key) == "second"
    await world.settled(key, 1)
    world.secrets[key] = {}
    roll_back(world, key, 1)
    await world.serves(key, "first")


async def test_an_image_that_is_gone_leaves_what_serves(world: World) -> None:
    key = await two_versions(world)
    with world.ledger.write() as tx:
        row = tx.execute(table.select().where(table.c.number == 1)).mappings().one()
        lost = {**row["artifact"], "image": "spaceport/removed-by-hand:1"}
        tx.execute(table.update().where(table.c.id == row["id"]).values(artifact=lost))
    made = roll_back(world, key, 1)
    await aeventually(lambda: world.cause(key) != "")
    with world.ledger.read() as tx:
        assert releases.get(tx, made.id).state is ReleaseState.FAILED
    assert await world.get(key) == "bad"
    await world.settled(key, 1)


async def test_a_step_that_was_decided_before_does_not_undo_it(world: World) -> None:
    key = await two_versions(world)
    await world.stop()
    with world.ledger.read() as tx:
        newest = builds.newest(tx, key, BuildState.SUCCEEDED)
    assert newest is not None
    made = roll_back(world, key, 1)
    assert world.supervisor is not None
    act.write(world.supervisor._tools, key, steps.CreateRelease(newest.id))
    with world.ledger.read() as tx:
        assert releases.newest(tx, key) == made


async def test_a_static_space_goes_back_at_once(world: World) -> None:
    key = world.space(sdk=Sdk.STATIC)
    world.start()
    for page in ("<p>one", "<p>two"):
        world.push_folder(key, page)
        await aeventually(lambda page=page: _page(world, key) == page)
    roll_back(world, key)
    await aeventually(lambda: _page(world, key) == "<p>one")
    assert world.stage(key) == "RUNNING"
    assert world.containers() == []
    world.push_folder(key, "<p>three")
    await aeventually(lambda: _page(world, key) == "<p>three")


def _page(world: World, key: SpaceKey) -> str:
    target = getattr(world.route(key), "target", None)
    return (target.root / target.app_file).read_text() if target else ""
