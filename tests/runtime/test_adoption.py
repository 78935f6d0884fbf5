"""Spaceport is killed, the engine is lost: what ran goes on or comes back, once."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.runtime.world import World, server
from tests.waiting import aeventually

pytestmark = pytest.mark.engine
ROOT = Path(__file__).parents[2]
COUNTING = server(
    "x",
    first="import threading, time\ndef count():\n  for n in range(10000):\n"
    "    time.sleep(0.02); os.write(1, b'line %d\\n' % n)\n"  # one write: two threads print
    "threading.Thread(target=count, daemon=True).start()",
)


@contextmanager
def supervisor_process(
    world: World, failpoints: str = "", **settings: object
) -> Iterator[subprocess.Popen[str]]:
    """A supervisor of this world's ledger and engine, killed like a machine that loses power."""
    (world.data / "secrets.json").write_text(json.dumps(world.secrets))
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "tests.runtime.supervise",
            str(world.data),
            world.instance,
            world.image,
        ],
        cwd=ROOT,
        env={
            **os.environ,
            "SPACEPORT_FAILPOINTS": failpoints,
            "SUPERVISE_SETTINGS": json.dumps(settings),
        },
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()


@pytest.mark.req("DUR-05")
async def test_apps_outlive_kill_9_and_are_adopted(world: World) -> None:
    key = world.space()
    world.secrets[key] = {"TOKEN": "correct-horse-battery"}
    world.push(key, COUNTING)
    with supervisor_process(world):
        await world.becomes(key, "RUNNING")
        await aeventually(lambda: "line 5" in world.run_log(key))
    before = world.view(key).replicas[0]
    containers = world.containers()
    count = len(world.run_log(key))
    world.start()
    await world.serves(key, "x")
    await aeventually(lambda: len(world.run_log(key)) > count + 20)
    after = world.view(key).replicas
    assert [one.id for one in after] == [before.id]
    assert world.containers() == containers
    lines = [line for line in world.run_log(key) if line.startswith("line ")]
    assert lines == [f"line {n}" for n in range(len(lines))]


KILLED_AT = ["runtime:after-replica-row", "runtime:after-engine-start", "runtime:before-promote"]


@pytest.mark.req("DUR-05")
@pytest.mark.parametrize("point", KILLED_AT)
async def test_killed_at_each_step_of_a_start(world: World, point: str) -> None:
    key = world.space()
    world.push(key, server("x"))
    with supervisor_process(world, f"{point}=exit") as process:
        await aeventually(lambda: process.poll() is not None)
        assert process.returncode == 137
    world.start()
    await world.serves(key, "x")
    await world.settled(key, 1)
    assert world.stage(key) == "RUNNING"


@pytest.mark.req("DUR-05")
async def test_killed_before_the_swap_the_old_version_serves_until_the_new_one_does(
    world: World,
) -> None:
    key = world.space()
    world.push(key, server("old"))
    with supervisor_process(world):
        await world.becomes(key, "RUNNING")
    world.push(key, server("new"))
    with supervisor_process(world, "runtime:before-promote=exit") as process:
        await aeventually(lambda: process.poll() is not None)
    assert len(world.containers()) == 2
    world.start()
    await world.serves(key, "new")
    await world.settled(key, 1)


async def test_what_ended_while_nobody_looked_is_started_again(world: World) -> None:
    key = world.space()
    world.push(key, server("x"))
    with supervisor_process(world):
        await world.becomes(key, "RUNNING")
    for handle in world.containers():
        world.engine.stop(handle, 0)
    world.start()
    await aeventually(lambda: world.stage(key) == "APP_STARTING")
    await world.serves(key, "x")
    assert world.view(key).live is not None
    assert world.view(key).live.crashes == 0  # type: ignore[union-attr]


@pytest.mark.req("DUR-15")
async def test_every_container_lost_is_a_start_from_the_ledger_alone(world: World) -> None:
    keys = [world.space(name) for name in ("a", "b")]
    for key in keys:
        world.push(key, server(key))
    with supervisor_process(world):
        for key in keys:
            await world.becomes(key, "RUNNING")
    for handle in world.containers():
        world.engine.remove(handle)
    world.start()
    for key in keys:
        await world.serves(key, key)
    await aeventually(lambda: len(world.containers()) == 2)


@pytest.mark.req("DUR-05")
async def test_containers_that_the_ledger_does_not_know_are_removed(world: World) -> None:
    key = world.space()
    world.push(key, server("x"))
    with supervisor_process(world):
        await world.becomes(key, "RUNNING")
    handle = world.containers()[0]
    with world.ledger.write() as tx:
        tx.exec_driver_sql("DELETE FROM replicas")
        tx.exec_driver_sql("DELETE FROM spaces")
    world.start()
    await aeventually(lambda: handle not in world.containers())


async def test_stopping_the_supervisor_stops_no_app(world: World) -> None:
    key = world.space()
    world.push(key, server("x"))
    world.start()
    await world.serves(key, "x")
    replica = world.newest_replica(key)
    await asyncio.wait_for(world.stop(), 5)
    assert await world.get(key) == "x"
    world.start()
    await world.serves(key, "x")
    assert world.newest_replica(key) == replica
