"""The supervisor with real containers: start, swap, fail, pause, sleep, delete."""

from __future__ import annotations

import asyncio

import pytest

from config.runtime import PlacementSettings, RuntimeSettings
from runtime.proxy.routes import Replicas
from spaceport import failpoints
from spaceport.names import SpaceKey
from spaceport.sdk import Sdk
from spaceport.stage import Wanted
from tests.runtime.world import QUICK, World, fetch, server
from tests.waiting import aeventually

pytestmark = pytest.mark.engine


async def test_a_built_space_starts_and_serves(world: World) -> None:
    key = world.space()
    world.start()
    route = await aeventually(lambda: world.route(key))
    assert (route.stage.value, route.target) == ("NO_APP_FILE", None)
    world.push(key, server("one"))
    await world.serves(key, "one")
    assert world.stage(key) == "RUNNING"
    await world.settled(key, 1)
    assert world.run_log(key)[0].startswith("===== Application Startup at ")
    await aeventually(lambda: "serving" in world.run_log(key))


def with_stop(**changes: float) -> RuntimeSettings:
    return QUICK.model_copy(update={"stop": QUICK.stop.model_copy(update=changes)})


@pytest.mark.req("PX-19")
async def test_no_request_fails_while_one_version_replaces_another(world: World) -> None:
    key = world.space()
    world.push(key, server("0"))
    world.start()
    await world.serves(key, "0")
    seen: list[str] = []
    done = asyncio.Event()

    async def visit() -> None:
        while not done.is_set():
            seen.append(await world.get(key))
            await asyncio.sleep(0.01)

    visitor = asyncio.create_task(visit())
    for version in ("1", "2", "3"):
        world.push(key, server(version))
        await aeventually(lambda wanted=version: seen[-1:] == [wanted], 30)
    done.set()
    await visitor
    assert set(seen) == {"0", "1", "2", "3"}
    assert seen == sorted(seen)
    await world.settled(key, 1)


@pytest.mark.req("BLD-12")
async def test_a_version_that_does_not_start_leaves_the_old_one_serving(world: World) -> None:
    key = world.space()
    world.push(key, server("good"))
    world.start()
    await world.serves(key, "good")
    world.push(key, "import cv2")
    await aeventually(lambda: world.cause(key) == "MODULE_NOT_FOUND")
    assert world.stage(key) == "RUNNING"
    assert await world.get(key) == "good"
    await world.settled(key, 1)
    world.push(key, server("better"))
    await world.serves(key, "better")
    assert world.cause(key) == ""


async def test_a_request_under_way_is_finished_by_the_version_that_took_it(world: World) -> None:
    key = world.space()
    waits = "GO.wait(60) if self.path == '/slow' else GO.set() if self.path == '/go' else None"
    world.push(key, server("old", first="import threading; GO = threading.Event()", before=waits))
    world.start()
    await world.serves(key, "old")
    old, route = world.newest_replica(key), world.route(key)
    request = asyncio.create_task(world.get(key, "/slow"))
    await aeventually(lambda: world.traffic.in_flight(old.id) == 1)
    world.push(key, server("new"))
    await world.serves(key, "new")
    assert [one.state.value for one in world.view(key).replicas] == ["draining", "ready"]
    assert not request.done() and route is not None
    await fetch(route, "/go")
    assert await request == "old"
    await world.settled(key, 1)


async def test_a_request_that_never_ends_is_not_waited_for(world: World) -> None:
    key = world.space()
    endless = server("old", before="import time; time.sleep(60 if self.path == '/slow' else 0)")
    world.push(key, endless)
    world.settings = with_stop(drain=0.5)
    world.start()
    await world.serves(key, "old")
    request = asyncio.create_task(world.get(key, "/slow"))
    world.push(key, server("new"))
    await world.serves(key, "new")
    await world.settled(key, 1)
    assert (await request) in ("", "old") or (await request).startswith("error")


async def test_settings_reach_the_app_with_the_next_release(world: World) -> None:
    key = world.space()
    world.secrets[key] = {"TOKEN": "first-secret-value"}
    show = "import os; self.wfile.flush()"
    code = server("x", before=show).replace("body = 'x'", "body = os.environ.get('TOKEN', '-')")
    world.push(key, code)
    world.start()
    await world.serves(key, "first-secret-value")
    world.secrets[key] = {"TOKEN": "second-secret-value"}
    world.change_settings(key)
    await world.serves(key, "second-secret-value")
    await world.settled(key, 1)


@pytest.mark.req("RUN-09")
async def test_paused_means_no_route_and_no_container(world: World) -> None:
    key = world.space()
    stubborn = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)"
    world.settings = with_stop(grace=1)
    world.push(key, server("x", first=stubborn))
    world.start()
    await world.serves(key, "x")
    world.want(key, Wanted.PAUSED)
    await aeventually(lambda: getattr(world.route(key), "target", None) is None)
    await world.settled(key, 0)
    assert world.stage(key) == "PAUSED"
    world.push(key, server("pushed while paused"))
    await asyncio.sleep(0.5)
    await world.settled(key, 0)
    assert await world.get(key) == "PAUSED"
    world.restart(key)
    await world.serves(key, "pushed while paused")


@pytest.mark.req("RUN-12")
async def test_sleep_when_idle_and_wake_on_a_visit(world: World) -> None:
    key = world.space()
    world.settings = QUICK.model_copy(update={"sleep_free": 1})
    world.push(key, server("x"))
    supervisor = world.start()
    await world.serves(key, "x")
    await world.becomes(key, "SLEEPING")
    await world.settled(key, 0)
    route = world.route(key)
    assert route is not None
    assert (route.wakes, route.target) == (True, None)
    supervisor.on_demand(route)
    await world.serves(key, "x")


async def test_a_paused_space_is_not_woken_by_a_visit(world: World) -> None:
    key = world.space()
    world.push(key, server("x"))
    supervisor = world.start()
    await world.serves(key, "x")
    route = world.route(key)
    assert route is not None
    world.want(key, Wanted.PAUSED)
    await world.settled(key, 0)
    supervisor.on_demand(route)
    await asyncio.sleep(0.3)
    assert world.stage(key) == "PAUSED"


async def test_deleted_leaves_nothing(world: World) -> None:
    key, other = world.space(), world.space("other")
    world.push(key, server("x"))
    world.push(other, server("y"))
    world.start()
    await world.serves(key, "x")
    await world.serves(other, "y")
    world.delete(key)
    await aeventually(lambda: world.route(key) is None)
    await aeventually(lambda: world.cleaned == [key])
    await aeventually(lambda: _row_is_gone(world, key))
    assert len(world.containers()) == 1
    assert await world.get(other) == "y"


def _row_is_gone(world: World, key: SpaceKey) -> bool:
    try:
        world.view(key)
    except Exception:
        return True
    return False


@pytest.mark.req("BLD-12")
async def test_a_static_space_is_live_at_once_and_follows_each_push(world: World) -> None:
    key = world.space(sdk=Sdk.STATIC)
    world.start()
    for page in ("<p>one", "<p>two"):
        world.push_folder(key, page)
        await aeventually(lambda page=page: _page(world, key) == page)
    route = world.route(key)
    assert route is not None
    assert route.stage.value == "RUNNING"
    assert world.containers() == []


def _page(world: World, key: SpaceKey) -> str:
    target = getattr(world.route(key), "target", None)
    return (target.root / target.app_file).read_text() if target else ""


async def test_an_app_becomes_a_folder_and_an_app_again(world: World) -> None:
    key = world.space()
    world.push(key, server("app"))
    world.start()
    await world.serves(key, "app")
    world.push_folder(key, "page")
    await world.serves(key, "folder")
    await world.settled(key, 0)
    world.push(key, server("app again"))
    await world.serves(key, "app again")


async def test_a_host_that_cannot_hold_both_runs_one_after_the_other(world: World) -> None:
    key = world.space()
    strict = PlacementSettings(memory_overcommit=1.0)
    world.settings = QUICK.model_copy(update={"placement": strict})
    world.push(key, server("one"))
    world.start()
    await world.serves(key, "one")
    world.push(key, server("two"))
    await world.serves(key, "two")
    second = world.space("second")
    world.push(second, server("no room"))
    await aeventually(lambda: world.cause(second) == "NO_CAPACITY")
    assert world.stage(second) == "APP_STARTING"
    world.want(key, Wanted.PAUSED)
    await world.serves(second, "no room")


async def test_hardware_that_is_not_here_is_said(world: World) -> None:
    key = world.space(flavor="t4-small")
    world.push(key, server("x"))
    world.start()
    await world.becomes(key, "RUNTIME_ERROR")
    assert world.cause(key) == "NO_CAPACITY"


async def test_a_change_that_was_overtaken_by_another_does_no_harm(world: World) -> None:
    key = world.space()
    world.start()
    for version in range(5):
        world.push(key, server(str(version)))
        await asyncio.sleep(0.15)
    await world.serves(key, "4")
    await world.settled(key, 1)
    target = getattr(world.route(key), "target", None)
    assert isinstance(target, Replicas)
    assert len(target.upstreams) == 1


async def test_an_error_nobody_foresaw_costs_time_only(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runtime.lane.RETRY", 0.2)
    key = world.space()
    failpoints.arm("runtime:after-engine-start", "raise")
    try:
        world.push(key, server("x"))
        world.start()
        await aeventually(lambda: len(world.containers()) >= 1)
    finally:
        failpoints.disarm("runtime:after-engine-start")
    await world.serves(key, "x")
    await world.settled(key, 1)
