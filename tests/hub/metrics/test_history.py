"""What Spaces have used: looks become minutes, minutes quarters, and both go in time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hub.metrics.history import Minute, Recorder
from hub.metrics.meter import Meter, Requests, Sample
from hub.metrics.periods import PERIODS, used_in
from runtime.proxy.latency import BOUNDS, quantile
from spaceport.artifact import Artifact, ArtifactKind
from spaceport.engine import EngineDown, NoSuchContainer, Usage
from spaceport.ledger import Ledger, accounts, builds, figures, releases, replicas, spaces
from spaceport.ledger.figures import COARSE, FINE, Used, merge, slot
from spaceport.ledger.spaces import Visibility
from spaceport.names import new_key
from spaceport.pools import Pools
from spaceport.sdk import Sdk
from spaceport.states import BuildState, ReplicaState

NOON = datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC)
FAST = (8, *[0] * len(BOUNDS))
SLOW = (*[0] * (len(BOUNDS) - 1), 2, 0)


class FakeEngine:
    """Tells what the test says; `usage` counts the looks."""

    def __init__(self) -> None:
        self.told: dict[str, Usage | Exception] = {}
        self.looks = 0

    def usage(self, handle: str) -> Usage:
        self.looks += 1
        told = self.told.get(handle, NoSuchContainer("gone"))
        if isinstance(told, Exception):
            raise told
        return told


class FakeVisits:
    def __init__(self) -> None:
        self.counted: tuple[int, int, int, tuple[int, ...]] = (0, 0, 0, ())

    def visits(self, space_key: str) -> tuple[int, int, int, tuple[int, ...]]:
        return self.counted


class World:
    def __init__(self, data: Path) -> None:
        self.ledger = Ledger(f"sqlite:///{data / 'ledger.sqlite3'}")
        self.pools = Pools()
        self.engine, self.visits = FakeEngine(), FakeVisits()
        self.recorder = self.restarted()
        with self.ledger.write() as tx:
            self.owner = accounts.create_user(tx, "ada").id

    def restarted(self) -> Recorder:
        return Recorder(self.ledger, self.pools, Meter(self.engine, self.visits))  # type: ignore[arg-type]

    def running(self, name: str, handle: str) -> str:
        key = new_key()
        with self.ledger.write() as tx:
            space = spaces.create(
                tx,
                key,
                self.owner,
                name,
                creator_id=self.owner,
                visibility=Visibility.PUBLIC,
                sdk=Sdk.GRADIO,
                flavor="cpu-basic",
            )
            build = builds.queue(tx, key, "a" * 40)
            builds.move(tx, build, BuildState.RUNNING)
            running = builds.get(tx, build.id)
            assert running is not None
            made = Artifact(ArtifactKind.IMAGE, image="x")
            builds.move(tx, running, BuildState.SUCCEEDED, artifact=made)
            done = builds.get(tx, build.id)
            assert done is not None
            release = releases.create(tx, space, done, card={}, variables={}, secret_versions={})
            placement = {"cpus": 2.0, "memory": 1000, "gpus": []}
            replica = replicas.create(
                tx, key, release.id, engine="docker", port=1, placement=placement
            )
            replicas.started(tx, replica, handle)
            replicas.move(tx, replicas.get(tx, replica.id), ReplicaState.READY)
        return key

    def rows(self, key: str, span: int = FINE) -> list[Used]:
        with self.ledger.read() as tx:
            return figures.since(tx, key, span, NOON - timedelta(days=30))


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = World(tmp_path)
    yield made
    made.pools.close()
    made.ledger.close()


def used(cpu: float, memory: int = 100, received: int | None = None) -> Usage:
    return Usage(cpu, memory, 1000, received, received, disk=7)


def test_two_looks_are_what_lies_between_them() -> None:
    minute = Minute()
    first = Sample(10.0, "r", used(1.0, 100, 1000), Requests(total=5, latency=FAST))
    second = Sample(20.0, "r", used(3.0, 300, 1600), Requests(total=9, latency=FAST))
    third = Sample(30.0, "r", used(2.0, 100, 0), Requests(total=1, latency=SLOW))
    minute.add(first, second, 2.0)
    row = minute.row("k", NOON)
    assert (row.seconds, row.cpu_seconds, row.memory, row.memory_peak) == (10.0, 2.0, 300, 300)
    assert (row.received, row.sent, row.requests, sum(row.latency)) == (600, 600, 4, 0)
    minute.add(second, third, 2.0)  # everything began anew: nothing negative, nothing invented
    row = minute.row("k", NOON)
    assert (row.cpu_seconds, row.received, row.requests, row.latency) == (2.0, 600, 4, SLOW)
    assert (row.memory, row.memory_peak, row.disk) == (200, 300, 7)


async def test_a_row_a_minute_for_what_runs_and_none_for_what_does_not(world: World) -> None:
    key = world.running("app", "h1")
    world.running("lost", "h2")  # its container is gone, and the supervisor has not seen it yet
    for second in range(0, 132, 12):
        world.engine.told["h1"] = used(second / 12)
        world.visits.counted = (0, 0, second, tuple(second * one for one in FAST))
        await world.recorder.look(NOON + timedelta(seconds=second))
    first, second_row = world.rows(key)
    assert (first.at, second_row.at) == (NOON, NOON + timedelta(minutes=1))
    assert (first.cpu_seconds, second_row.cpu_seconds) == (4.0, 5.0)
    assert (first.cpus, first.memory_limit, second_row.requests) == (2.0, 1000, 60)
    assert quantile(first.latency, 0.5) == pytest.approx(0.0005)
    # A process that is started anew in the same minute does not write it twice.
    again = world.restarted()
    for second in (120, 130, 185):
        await again.look(NOON + timedelta(seconds=second))
    await world.recorder.look(NOON + timedelta(seconds=185))
    assert len(world.rows(key)) == 3


async def test_nothing_is_written_while_nothing_runs_or_the_engine_is_away(world: World) -> None:
    def write_nothing() -> None:
        raise AssertionError("something was written")

    world.ledger.listen(write_nothing)
    world.recorder._rolled = slot(NOON, COARSE)
    for second in range(0, 180, 12):
        await world.recorder.look(NOON + timedelta(seconds=second))
    assert world.engine.looks == 0


async def test_an_engine_that_is_away_is_a_gap(world: World) -> None:
    key = world.running("app", "h1")
    for second in range(0, 240, 12):
        away = 60 <= second < 120
        world.engine.told["h1"] = EngineDown("away") if away else used(second / 12)
        await world.recorder.look(NOON + timedelta(seconds=second))
    assert [row.at.minute for row in world.rows(key)] == [0, 2]


async def test_quarters_are_made_late_too_and_old_rows_go(world: World) -> None:
    key = world.running("app", "h1")

    def fine(minutes: int) -> Used:
        at = NOON + timedelta(minutes=minutes)
        return Used(key, FINE, at, 60.0, 6.0, 2.0, 100, 200, 1000, None, 1, 2, 3, FAST)

    with world.ledger.write() as tx:
        figures.add(tx, [fine(minutes) for minutes in range(45)])
        old = NOON - timedelta(days=9)
        figures.add(tx, [fine(-150), Used(key, COARSE, slot(old, COARSE), *([0] * 10), FAST)])  # type: ignore[arg-type]
    world.engine.told["h1"] = used(1.0)
    for minutes in (31, 32):
        await world.recorder.look(NOON + timedelta(minutes=minutes))
    coarse = world.rows(key, COARSE)
    assert [row.at for row in coarse][-2:] == [NOON, NOON + timedelta(minutes=15)]
    assert (coarse[-1].seconds, coarse[-1].cpu_seconds, coarse[-1].requests) == (900, 90, 45)
    assert coarse[-1].latency == tuple(15 * count for count in FAST)
    assert all(row.at > NOON - timedelta(days=8) for row in coarse)
    assert world.rows(key)[0].at == NOON
    with world.ledger.read() as tx:
        now = NOON + timedelta(minutes=46)
        found = {name: len(used_in(tx, key, name, now)) for name in PERIODS}
    assert found["hour"] == 45
    assert (found["day"], found["week"]) == (3, 2)
    with world.ledger.write() as tx:
        spaces.mark_deleted(tx, key)
        tx.exec_driver_sql("DELETE FROM replicas")
        spaces.purge(tx, key)
    assert world.rows(key) == []


def test_quantiles() -> None:
    assert quantile((), 0.5) is None
    assert quantile([0] * len(FAST), 0.5) is None
    assert quantile(FAST, 0.5) == pytest.approx(BOUNDS[0] / 2)
    assert quantile((*[0] * len(BOUNDS), 5), 0.95) == BOUNDS[-1]
    assert quantile(tuple(a + b for a, b in zip(FAST, SLOW, strict=True)), 0.95) == pytest.approx(
        BOUNDS[-2] + (BOUNDS[-1] - BOUNDS[-2]) * 0.75
    )
    assert merge([], COARSE) == []


async def test_it_runs_by_itself_until_it_is_stopped(world: World) -> None:
    world.running("app", "h1")
    world.engine.told["h1"] = used(1.0)
    recorder = Recorder(world.ledger, world.pools, Meter(world.engine, world.visits), every=0.01)  # type: ignore[arg-type]
    task = asyncio.create_task(recorder.run())
    while world.engine.looks < 3:
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
