"""The engine itself dies and comes back (DUR-14), with an engine of our own."""

from __future__ import annotations

import secrets
import signal
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from runtime.engine.base_tree import ensure_base
from runtime.engine.docker_engine import DockerEngine
from tests.runtime.own_engine import OwnEngine
from tests.runtime.world import World, server
from tests.waiting import aeventually

pytestmark = [pytest.mark.engine, pytest.mark.req("DUR-14")]


@pytest.fixture
async def own(tmp_path: Path) -> AsyncIterator[tuple[OwnEngine, World]]:
    name = f"spt{secrets.token_hex(4)}"
    folder = Path(tempfile.mkdtemp(prefix=name))
    tmp_path.chmod(0o755)
    daemon = OwnEngine(folder, name)
    try:
        daemon.up()
        engine = DockerEngine(daemon.settings, name)
        image = ensure_base(engine, folder / "bases")
        world = World(tmp_path, engine, name, image)
        yield daemon, world
        if not daemon.answers():
            daemon.up()
        await world.close()
        engine.close(remove=True)
    finally:
        daemon.close()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "stopped"])
async def test_apps_come_back_with_the_engine(own: tuple[OwnEngine, World], number: int) -> None:
    daemon, world = own
    key, waiting = world.space(), world.space("waiting")
    world.push(key, server("x"))
    world.start()
    await world.serves(key, "x", 60)
    daemon.kill(number)
    world.push(waiting, server("y"))
    await aeventually(lambda: world.cause(waiting) == "ENGINE_DOWN")
    assert world.stage(waiting) == "APP_STARTING"
    route = world.route(key)
    assert route is not None
    assert route.target is not None  # what serves is left alone
    daemon.up()
    await world.serves(waiting, "y", 60)
    await world.serves(key, "x", 60)
    await aeventually(lambda: len(world.containers()) == 2, 60)
    live = world.view(key).live
    assert live is not None
    assert live.crashes <= 1
