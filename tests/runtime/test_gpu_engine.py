"""GPUs on a real engine: ids, exclusive use, release. Only the driver itself is not there.

The engine takes GPU requests as soon as NVIDIA's hook is on its PATH; ours is an empty script, and
the engine says in the container's environment which devices it would have given (engine.md 2).
"""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from config.runtime import Gpu
from runtime.engine.base_tree import ensure_base
from runtime.engine.docker_engine import DockerEngine
from spaceport.ledger import spaces
from spaceport.stage import Wanted
from tests.runtime.own_engine import OwnEngine
from tests.runtime.world import QUICK, World, server
from tests.waiting import aeventually

pytestmark = pytest.mark.engine

CARDS = tuple(Gpu(id=str(number), accelerator="Nvidia T4", memory=16) for number in (0, 1))
TELLS = server("@", first='CARDS = os.environ.get("NVIDIA_VISIBLE_DEVICES", "none")').replace(
    "'@'", "CARDS"
)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    name = f"spt{secrets.token_hex(4)}"
    folder = Path(tempfile.mkdtemp(prefix=name))
    tmp_path.chmod(0o755)
    hook = folder / "tools" / "nvidia-container-runtime-hook"
    hook.parent.mkdir()
    hook.write_text("#!/bin/sh\nexit 0\n")
    hook.chmod(0o755)
    daemon = OwnEngine(folder, name, tools=hook.parent)
    try:
        daemon.up()
        engine = DockerEngine(daemon.settings, name)
        image = ensure_base(engine, folder / "bases")
        settings = QUICK.model_copy(update={"gpus": CARDS})
        made = World(tmp_path, engine, name, image, settings=settings)
        yield made
        await made.close()
        engine.close(remove=True)
    finally:
        daemon.close()


def started(world: World, name: str) -> str:
    key = world.space(name, flavor="t4-small")
    world.push(key, TELLS)
    return key


async def card_of(world: World, key: str) -> str:
    """The id of its card; the route follows the ledger a moment later."""

    async def told() -> str:
        answer = await world.get(key)
        return answer if answer.isdigit() else ""

    return await aeventually(told, 30)


async def test_each_app_has_its_own_card_and_the_next_ones_wait_in_turn(world: World) -> None:
    world.start()
    first, second = started(world, "first"), started(world, "second")
    for key in (first, second):
        await world.becomes(key, "RUNNING", 60)
    cards = [await card_of(world, key) for key in (first, second)]
    assert sorted(cards) == ["0", "1"]
    third = started(world, "third")
    await aeventually(lambda: world.cause(third) == "NO_CAPACITY")
    fourth = started(world, "fourth")
    await aeventually(lambda: world.cause(fourth) == "NO_CAPACITY")

    def told(key: str) -> str:
        explanation = world.view(key).standing.explanation
        return explanation.sentence if explanation else ""

    assert "every Nvidia T4 is in use; it is 1st in the queue" in told(third)
    assert "2nd in the queue" in told(fourth)
    free = world.space("free")  # needs no card, and waits for none
    world.push(free, TELLS)
    await world.serves(free, "none", 60)
    world.want(second, Wanted.PAUSED)
    await world.serves(third, cards[1], 60)
    await aeventually(lambda: "1st in the queue" in told(fourth), 90)
    with world.ledger.write() as tx:  # it gives up its place, and runs elsewhere
        spaces.set_flavor(tx, fourth, "cpu-basic")
    await world.serves(fourth, "none", 60)


async def test_a_new_version_waits_for_no_second_card(world: World) -> None:
    world.start()
    keys = [started(world, name) for name in ("one", "two")]
    for key in keys:
        await world.becomes(key, "RUNNING", 60)
    before = await card_of(world, keys[0])
    world.push(keys[0], TELLS.replace("CARDS.encode", "(CARDS + ' again').encode"))
    await aeventually(lambda: world.stage(keys[0]) == "RUNNING")
    await world.serves(keys[0], f"{before} again", 60)  # the old one made way: there is no third
