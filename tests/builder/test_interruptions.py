"""Builds that are superseded, paused, killed, without an engine, or too greedy."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from spaceport.cause import Cause
from spaceport.engine import LABEL_BUILD, Engine, EngineDown, EngineInfo
from spaceport.ledger import builds, spaces
from spaceport.ledger.builds import Build
from spaceport.stage import Wanted
from spaceport.states import BuildState
from tests.builder.world import World, card
from tests.waiting import aeventually, eventually

pytestmark = pytest.mark.engine

STUBBORN = card(
    "static",
    app_build_command="\"trap '' TERM; touch started; echo begun; while :; do sleep 1; done\"",
)


def containers(engine: Engine) -> list[str]:
    return [found.handle for found in engine.list({}) if LABEL_BUILD in found.labels]


def leftovers(world: World) -> list[Path]:
    scratch = world.places.scratch
    return list(scratch.iterdir()) if scratch.is_dir() else []


async def begun(world: World, key: str) -> Build:
    def found() -> Build | None:
        build = world.newest(key)
        if build is None or build.state is not BuildState.RUNNING:
            return None
        return build if "begun" in world.log(build).split("\n") else None

    build = await aeventually(found, timeout=30)
    assert build is not None
    return build


@pytest.mark.req("BLD-11")
@pytest.mark.req("BLD-12")
async def test_the_newest_push_wins_and_the_old_build_is_gone(
    world: World, engine: Engine, tmp_path: Path
) -> None:
    space = world.space({"README.md": STUBBORN})
    async with world.running():
        first = await begun(world, space.key)
        fine = {"README.md": card("static"), "index.html": b"new"}
        revision = world.push(space.key, fine, work=tmp_path / "work")
        second = await world.settled(space.key, 2)
        await aeventually(lambda: not containers(engine) and not leftovers(world), timeout=10)
    assert (second.state, second.revision) == (BuildState.SUCCEEDED, revision)
    with world.ledger.read() as tx:
        old = builds.get(tx, first.id)
    assert old is not None
    assert old.state is BuildState.SUPERSEDED
    assert "Build stopped: a newer one took its place." in world.log(first)


async def test_pausing_stops_a_build_and_restarting_builds_again(
    world: World, engine: Engine
) -> None:
    space = world.space({"README.md": STUBBORN})
    async with world.running():
        first = await begun(world, space.key)
        with world.ledger.write() as tx:
            spaces.want(tx, space.key, Wanted.PAUSED)
        stopped = await world.settled(space.key)
        assert (stopped.id, stopped.state) == (first.id, BuildState.INTERRUPTED)
        await aeventually(lambda: not containers(engine), timeout=10)
        with world.ledger.write() as tx:
            spaces.want(tx, space.key, Wanted.RUNNING)
        second = await begun(world, space.key)
        assert second.number == 2
    await aeventually(lambda: not containers(engine) and not leftovers(world), timeout=10)
    found = world.newest(space.key)
    assert found is not None
    assert found.state is BuildState.INTERRUPTED  # the process ended in good order


@pytest.mark.req("DUR-05")
@pytest.mark.req("BLD-16")
@pytest.mark.parametrize(
    "point",
    ["after-begin", "after-checkout", "after-install", "before-environment", "after-environment",
     "before-commit", "after-commit"],
)  # fmt: skip
async def test_kill_at_every_step_of_a_build(world: World, engine: Engine, point: str) -> None:
    space = world.space({"README.md": card(), "app.py": b"print(1)\n"})
    script = Path(__file__).with_name("one_build.py")
    root, base = Path(__file__).parents[2], world.bases.base
    ran = subprocess.run(
        [
            sys.executable,
            str(script),
            str(world.data),
            world.instance,
            base.reference,
            base.python,
            base.version,
        ],
        env={
            **os.environ,
            "PYTHONPATH": str(root),
            "SPACEPORT_FAILPOINTS": f"build:{point}=exit",
        },
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ran.returncode == 137, ran.stdout + ran.stderr
    async with world.running():
        await aeventually(lambda: succeeded(world, space.key), timeout=30)
    found = world.newest(space.key)
    assert found is not None
    assert found.number == (1 if point == "after-commit" else 2)
    assert found.artifact is not None
    assert (world.data / found.artifact.mounts[0].source / "ready.json").is_file()
    assert not containers(engine)
    assert not leftovers(world)
    assert not list((world.places.shared / "jobs").iterdir())


def succeeded(world: World, key: str) -> bool:
    found = world.newest(key)
    return found is not None and found.state is BuildState.SUCCEEDED


class Flaky:
    """The real engine, which does not answer while `down`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.down = True

    def probe(self) -> EngineInfo:
        self._check()
        return self._engine.probe()

    def run(self, *arguments: Any, **options: Any) -> Any:
        self._check()
        return self._engine.run(*arguments, **options)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def _check(self) -> None:
        if self.down:
            raise EngineDown("The container engine does not answer.")


async def test_without_an_engine_a_build_waits(world: World) -> None:
    flaky = Flaky(world.engine)
    world.engine = flaky  # type: ignore[assignment]
    app = world.space({"README.md": card(), "app.py": b"print(1)\n"})
    async with world.running():
        first = await aeventually(lambda: world.newest(app.key))
        assert first is not None
        await aeventually(lambda: "queued again" in world.log(first))
        page = world.space({"README.md": card("static"), "index.html": b""}, owner="eve")
        static = await world.settled(page.key)  # needs none
        assert static.state is BuildState.SUCCEEDED
        waiting = world.newest(app.key)
        assert waiting is not None
        assert (waiting.number, waiting.state) == (2, BuildState.QUEUED)
        flaky.down = False
        done = await world.settled(app.key, 2)
    assert (done.number, done.state) == (2, BuildState.SUCCEEDED)


@pytest.mark.req("BLD-09")
@pytest.mark.parametrize(
    ("command", "changes", "cause"),
    [
        ("sleep 60", {"timeout": 1.5}, Cause.BUILD_TIMEOUT),
        (
            "python3 -c 'x = bytearray(600 << 20)'",
            {"limits": {"memory": 256 << 20}},
            Cause.BUILD_OUT_OF_MEMORY,
        ),
        ("sleep 60", {"disk_reserve": 1 << 60}, Cause.DISK_FULL),
    ],
)
async def test_bounds(
    make_world: Any, monkeypatch: pytest.MonkeyPatch, command: str, changes: Any, cause: Cause
) -> None:
    if cause is Cause.DISK_FULL:
        import shutil

        usage = shutil.disk_usage("/")
        full = usage._replace(free=usage.total // 20)
        monkeypatch.setattr("builder.step.shutil.disk_usage", lambda path: full)
    world = make_world(**changes)
    readme = card("static", app_build_command=f'"{command}"')
    space = world.space({"README.md": readme, "index.html": b""})
    async with world.running():
        build = await world.settled(space.key)
    assert build.failure is not None
    assert build.failure.cause is cause, world.log(build)
    eventually(lambda: not leftovers(world))
