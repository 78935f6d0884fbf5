"""Decisions about one Space, as a table by exact value."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from config.runtime import RuntimeSettings, StartSettings
from runtime import steps
from runtime.decide import Decision, decide
from runtime.diagnosis import Findings
from runtime.steps import Step
from runtime.view import End, Room, Sighting, View
from spaceport.cause import Cause, Failure
from spaceport.engine import ContainerState, Exit, Listening, Observed
from spaceport.ledger.overview import Overview
from spaceport.ledger.replicas import Replica
from spaceport.stage import Wanted
from spaceport.states import BuildState, ReleaseState, ReplicaState
from tests.runtime.rows import FOLDER, NOW, ago, build, release, replica, space

PENDING, LIVE = ReleaseState.PENDING, ReleaseState.LIVE
FAILED, RETIRED = ReleaseState.FAILED, ReleaseState.RETIRED
STARTING, READY = ReplicaState.STARTING, ReplicaState.READY
DRAINING, GONE = ReplicaState.DRAINING, ReplicaState.GONE
CRASH = Failure(Cause.APP_CRASHED, {"exit_code": 1, "problem": "boom"})
FULL = Failure(Cause.NO_CAPACITY, {"problem": "full"})
ENGINE = Failure(Cause.ENGINE_DOWN)
STARTUP = 1800.0


def container(one: Replica, state: ContainerState = ContainerState.RUNNING) -> Observed:
    ended = Exit(1) if state is ContainerState.EXITED else None
    return Observed(f"container-{one.id}", state, {}, ended)


def runs(one: Replica, **changes: Any) -> tuple[str, Sighting]:
    return one.id, Sighting(container=container(one), **changes)


def ended(one: Replica, end: End | None) -> tuple[str, Sighting]:
    return one.id, Sighting(container=container(one, ContainerState.EXITED), end=end)


def held(one: Replica, **changes: Any) -> tuple[str, Sighting]:
    return one.id, Sighting(container=container(one, ContainerState.FROZEN), **changes)


def view(
    *replicas: Replica,
    sightings: tuple[tuple[str, Sighting], ...] | None = None,
    wanted: Wanted = Wanted.RUNNING,
    overview: dict[str, Any] | None = None,
    space_changes: dict[str, Any] | None = None,
    **changes: Any,
) -> View:
    """One live release of the newest build unless told otherwise; all containers run."""
    facts: dict[str, Any] = {"build": build(1), "release": release(1), "live": release(1)}
    facts |= overview or {}
    seen = dict(sightings) if sightings is not None else dict(runs(one) for one in replicas)
    return View(
        now=NOW,
        overview=Overview(
            space=space(wanted=wanted, **(space_changes or {})), replicas=replicas, **facts
        ),
        sightings=seen,
        **changes,
    )


OLD = replica("old", 1, READY)
COLD = replica("cold", 1, ReplicaState.FROZEN)
NEW = replica("new", 2, STARTING, created_at=ago(10))
FIRST = replica("first", 1, STARTING, created_at=ago(10))
WAITING = {"release": release(2, PENDING), "live": release(1), "build": build(2)}
ALONE = {"release": release(1, PENDING), "live": None}
NOTHING = {"build": None, "release": None, "live": None}
LADDER = {"freeze_after": 5, "swap_after": 30, "sleep_after": 60}
ELSEWHERE = Findings(listening=(Listening("0.0.0.0", 5000),))
WRONG_PORT = Failure(Cause.WRONG_PORT, {"found": 5000, "expected": 7860, "docker_hint": ""})
IMPATIENT = RuntimeSettings(start=StartSettings(misplaced_fail=20))

HELD = {"rolled_back_from": "a" * 40}
BACK = release(3, LIVE, build_id="build1", rollback_of=1)
BACK_RUNS = {"release": BACK, "live": BACK, "build": build(2)}
RUNS_BACK = replica("back", 3, READY)
PENDING_BACK = replace(BACK, state=PENDING)
LIVE_2 = release(2)

ROLLED_BACK: list[tuple[str, View, tuple[Step, ...], float | None]] = [
    (
        "an earlier version is started beside what serves",
        view(
            replica("bad", 2, READY),
            overview={"release": PENDING_BACK, "live": LIVE_2, "build": build(2)},
            space_changes=HELD,
        ),
        (steps.Start("release3"),),
        None,
    ),
    (
        "it is not undone by the newer build",
        view(RUNS_BACK, overview=BACK_RUNS, space_changes=HELD),
        (),
        None,
    ),
    (
        "nor by one that ended just after",
        view(RUNS_BACK, overview=BACK_RUNS, space_changes=HELD, fresh=build(2)),
        (),
        None,
    ),
    (
        "nor is one under way waited for",
        view(
            overview=BACK_RUNS | {"build": build(3, state=BuildState.RUNNING, queued_at=ago(1))},
            space_changes=HELD,
        ),
        (steps.Start("release3"),),
        None,
    ),
    (
        "a restart starts the earlier version again",
        view(RUNS_BACK, overview=BACK_RUNS, space_changes=HELD | {"restart_generation": 1}),
        (steps.CreateRelease("build1"),),
        None,
    ),
    (
        "also when the build of the head was interrupted",
        view(
            RUNS_BACK,
            overview=BACK_RUNS | {"build": build(3, state=BuildState.INTERRUPTED)},
            space_changes=HELD | {"restart_generation": 1},
        ),
        (steps.CreateRelease("build1"),),
        None,
    ),
    (
        "a changed variable reaches the earlier version",
        view(RUNS_BACK, overview=BACK_RUNS, space_changes=HELD | {"settings_version": 1}),
        (steps.CreateRelease("build1"),),
        None,
    ),
    (
        "a later push supersedes it",
        view(
            RUNS_BACK,
            overview=BACK_RUNS | {"build": build(4, revision="b" * 40)},
            space_changes=HELD | {"head": "b" * 40},
            fresh=build(4, revision="b" * 40),
        ),
        (steps.CreateRelease("build4"),),
        None,
    ),
    (
        "an earlier version that fails leaves what serves",
        view(
            replica("bad", 2, READY),
            overview={
                "release": replace(BACK, state=FAILED, failure=CRASH),
                "live": LIVE_2,
                "build": build(2),
            },
            space_changes=HELD,
        ),
        (),
        None,
    ),
    (
        "a folder is live at once",
        view(
            overview={
                "release": replace(PENDING_BACK, artifact=FOLDER),
                "live": release(2, artifact=FOLDER),
                "build": build(2, artifact=FOLDER),
            },
            space_changes=HELD,
        ),
        (steps.GoLive("release3"),),
        None,
    ),
    (
        "while paused it waits",
        view(
            wanted=Wanted.PAUSED,
            overview={"release": PENDING_BACK, "live": LIVE_2, "build": build(2)},
            space_changes=HELD,
        ),
        (),
        None,
    ),
]

TABLE: list[tuple[str, View, tuple[Step, ...], float | None]] = [
    # releases
    ("nothing pushed yet", view(overview=NOTHING), (), None),
    (
        "the first build succeeded",
        view(overview=NOTHING | {"build": build(1)}, fresh=build(1)),
        (steps.CreateRelease("build1"),),
        None,
    ),
    (
        "a newer build succeeded while the old version serves",
        view(OLD, overview={"build": build(2)}, fresh=build(2)),
        (steps.CreateRelease("build2"),),
        None,
    ),
    (
        "but one that is newer still has just begun",
        view(
            OLD,
            overview={"build": build(3, state=BuildState.RUNNING, queued_at=ago(4))},
            fresh=build(2),
        ),
        (),
        6.0,
    ),
    (
        "and one that takes its time is not waited for",
        view(
            OLD,
            overview={"build": build(3, state=BuildState.RUNNING, queued_at=ago(40))},
            fresh=build(2),
        ),
        (steps.CreateRelease("build2"),),
        None,
    ),
    (
        "a secret changed",
        view(OLD, space_changes={"settings_version": 1}),
        (steps.CreateRelease("build1"),),
        None,
    ),
    (
        "restart",
        view(OLD, space_changes={"restart_generation": 1}),
        (steps.CreateRelease("build1"),),
        None,
    ),
    (
        "factory rebuild: the build is awaited",
        view(OLD, space_changes={"restart_generation": 1, "factory_generation": 1}),
        (),
        None,
    ),
    (
        "restart of a Space whose head is not built yet",
        view(OLD, space_changes={"restart_generation": 1, "head": "b" * 40}),
        (),
        None,
    ),
    (
        "restart after a failed build: the old version again",
        view(
            OLD,
            overview={"build": build(2, state=BuildState.FAILED)},
            space_changes={"restart_generation": 1},
        ),
        (steps.CreateRelease("build1"),),
        None,
    ),
    (
        "settings of a release that failed are mended",
        view(
            overview={"release": release(1, FAILED), "live": None},
            space_changes={"settings_version": 1},
        ),
        (steps.CreateRelease("build1"),),
        None,
    ),
    (
        "a failed release stays failed",
        view(overview={"release": release(1, FAILED), "live": None}),
        (),
        None,
    ),
    (
        "nothing is released while paused",
        view(wanted=Wanted.PAUSED, overview=NOTHING, fresh=build(1)),
        (),
        None,
    ),
    *ROLLED_BACK,
    # starting
    ("the release is started", view(overview=ALONE), (steps.Start("release1"),), None),
    (
        "beside the old version",
        view(OLD, overview=WAITING),
        (steps.Start("release2"),),
        None,
    ),
    ("it is waited for", view(FIRST, overview=ALONE), (), STARTUP - 10),
    (
        "it answered",
        view(FIRST, overview=ALONE, sightings=(runs(FIRST, answered=True),)),
        (steps.Promote("first"),),
        None,
    ),
    (
        "the new version answered while the old one serves",
        view(OLD, NEW, overview=WAITING, sightings=(runs(OLD), runs(NEW, answered=True))),
        (steps.Promote("new"),),
        None,
    ),
    (
        "start-up time over",
        view(
            replica("first", 1, STARTING, created_at=ago(STARTUP)),
            overview=ALONE,
        ),
        (
            steps.Fail(
                "release1",
                Failure(Cause.NEVER_LISTENED, {"limit": "30 min", "expected": 7860}),
                "first",
                ended=False,
            ),
        ),
        None,
    ),
    (
        "the README gives less time",
        view(
            replica("first", 1, STARTING, created_at=ago(61)),
            overview={
                "release": release(1, PENDING, card={"startup_duration_timeout": "60s"}),
                "live": None,
            },
        ),
        (
            steps.Fail(
                "release1",
                Failure(Cause.NEVER_LISTENED, {"limit": "60 s", "expected": 7860}),
                "first",
                ended=False,
            ),
        ),
        None,
    ),
    (
        "listening elsewhere is told after a while",
        view(
            FIRST,
            overview=ALONE,
            sightings=(runs(FIRST, findings=ELSEWHERE, misplaced_for=6.0),),
        ),
        (steps.Notice("release1", WRONG_PORT),),
        STARTUP - 10,
    ),
    (
        "not at once",
        view(
            FIRST,
            overview=ALONE,
            sightings=(runs(FIRST, findings=ELSEWHERE, misplaced_for=2.0),),
        ),
        (),
        3.0,
    ),
    (
        "told once",
        view(
            FIRST,
            overview={"release": release(1, PENDING, failure=WRONG_PORT), "live": None},
            sightings=(runs(FIRST, findings=ELSEWHERE, misplaced_for=6.0),),
        ),
        (),
        STARTUP - 10,
    ),
    (
        "and taken back",
        view(FIRST, overview={"release": release(1, PENDING, failure=WRONG_PORT), "live": None}),
        (steps.Notice("release1", None),),
        STARTUP - 10,
    ),
    (
        "an operator may have it fail early",
        view(
            FIRST,
            overview=ALONE,
            sightings=(runs(FIRST, findings=ELSEWHERE, misplaced_for=20.0),),
            settings=IMPATIENT,
        ),
        (steps.Fail("release1", WRONG_PORT, "first", ended=False),),
        None,
    ),
    # ends
    (
        "the new version ended at its start: the old one stays",
        view(OLD, NEW, overview=WAITING, sightings=(runs(OLD), ended(NEW, End(CRASH)))),
        (steps.Fail("release2", CRASH, "new"),),
        None,
    ),
    (
        "an end is being looked into",
        view(FIRST, overview=ALONE, sightings=(ended(FIRST, None),)),
        (),
        None,
    ),
    (
        "ended while starting, but by a signal from outside",
        view(FIRST, overview=ALONE, sightings=(ended(FIRST, End(CRASH, outside=True)),)),
        (steps.Crashed("first", CRASH),),
        None,
    ),
    (
        "ended while nobody looked",
        view(FIRST, overview=ALONE, sightings=(ended(FIRST, End(CRASH, counts=False)),)),
        (steps.Gone("first"),),
        None,
    ),
    (
        "a serving app crashed",
        view(OLD, sightings=(ended(OLD, End(CRASH)),)),
        (steps.Crashed("old", CRASH),),
        None,
    ),
    (
        "after a long good run",
        view(
            replica("old", 1, READY, ready_at=ago(601)),
            sightings=(ended(OLD, End(CRASH)),),
            overview={"release": release(1, crashes=5), "live": release(1, crashes=5)},
        ),
        (steps.Crashed("old", CRASH, first=True),),
        None,
    ),
    (
        "once too often",
        view(
            OLD,
            sightings=(ended(OLD, End(CRASH)),),
            overview={"release": release(1, crashes=5), "live": release(1, crashes=5)},
        ),
        (steps.Fail("release1", CRASH, "old"),),
        None,
    ),
    (
        "back-off, and what happened is told",
        view(
            overview={"release": release(1, crashes=3), "live": release(1, crashes=3)},
            gone=replica("old", 1, GONE, gone_at=ago(1), failure=CRASH),
        ),
        (steps.Notice("release1", CRASH),),
        3.0,
    ),
    (
        "back-off over",
        view(
            overview={
                "release": release(1, crashes=3, failure=CRASH),
                "live": release(1, crashes=3, failure=CRASH),
            },
            gone=replica("old", 1, GONE, gone_at=ago(5), failure=CRASH),
        ),
        (steps.Start("release1"),),
        None,
    ),
    (
        "a restart that hangs counts as a crash",
        view(replica("first", 1, STARTING, created_at=ago(STARTUP))),
        (
            steps.Crashed(
                "first",
                Failure(Cause.NEVER_LISTENED, {"limit": "30 min", "expected": 7860}),
                ended=False,
            ),
        ),
        None,
    ),
    # the engine
    ("adopted after a restart of Spaceport", view(OLD), (), None),
    (
        "a container that was started just before the crash of ours",
        view(replica("first", 1, STARTING, handle=None), overview=ALONE),
        (steps.Adopt("first", "container-first"),),
        None,
    ),
    (
        "a row without a container",
        view(OLD, sightings=()),
        (steps.Gone("old"),),
        None,
    ),
    (
        "a container that was made but never started",
        view(
            FIRST,
            overview=ALONE,
            sightings=(("first", Sighting(container(FIRST, ContainerState.CREATED))),),
        ),
        (steps.Gone("first"),),
        None,
    ),
    (
        "a container without a row",
        view(OLD, strays=("x1", "x2")),
        (steps.Remove("x1"), steps.Remove("x2")),
        None,
    ),
    ("the engine is down: what serves is left alone", view(OLD, engine_up=False), (), 1.0),
    (
        "the engine is down: what should start waits",
        view(overview=ALONE, engine_up=False),
        (steps.Notice("release1", ENGINE),),
        1.0,
    ),
    (
        "the engine is down: pausing takes the route away all the same",
        view(OLD, engine_up=False, wanted=Wanted.PAUSED),
        (steps.Drain("old"),),
        1.0,
    ),
    # room
    (
        "no room: it waits",
        view(OLD, overview=WAITING, room=Room(FULL)),
        (steps.Notice("release2", FULL),),
        None,
    ),
    (
        "no such hardware here",
        view(OLD, overview=WAITING, room=Room(FULL, lasting=True)),
        (steps.Fail("release2", FULL),),
        None,
    ),
    (
        "no room for both: the old version makes way",
        view(OLD, overview=WAITING, room=Room(FULL, without_own=True)),
        (steps.Drain("old"),),
        None,
    ),
    (
        "and has made way",
        view(overview=WAITING),
        (steps.Start("release2"),),
        None,
    ),
    # draining and stopping
    (
        "the replaced version drains",
        view(OLD, overview={"release": release(2), "live": release(2)}),
        (steps.Drain("old"),),
        None,
    ),
    (
        "requests under way are waited for",
        view(
            replica("old", 1, DRAINING),
            replica("new", 2, READY),
            overview={"release": release(2), "live": release(2)},
            sightings=(
                runs(replica("old"), draining_for=29.0, in_flight=1),
                runs(replica("new")),
            ),
        ),
        (),
        0.1,
    ),
    (
        "not for ever",
        view(
            replica("old", 1, DRAINING),
            replica("new", 2, READY),
            overview={"release": release(2), "live": release(2)},
            sightings=(
                runs(replica("old"), draining_for=30.0, in_flight=1),
                runs(replica("new")),
            ),
        ),
        (steps.Stop("old", "container-old"),),
        None,
    ),
    (
        "it stays until every proxy knows",
        view(
            replica("old", 1, DRAINING),
            wanted=Wanted.PAUSED,
            sightings=(runs(replica("old"), draining_for=0.25),),
        ),
        (),
        0.75,
    ),
    (
        "one that never answered need not drain",
        view(
            replica("first", 1, DRAINING, ready_at=None),
            overview={"release": release(1, FAILED), "live": None},
        ),
        (steps.Stop("first", "container-first"),),
        None,
    ),
    (
        "one that ended while draining",
        view(
            replica("old", 1, DRAINING),
            sightings=(ended(OLD, End(CRASH)),),
            wanted=Wanted.PAUSED,
        ),
        (steps.Gone("old"),),
        None,
    ),
    (
        "never two of one release",
        view(replica("one"), replica("two")),
        (steps.Drain("one"),),
        None,
    ),
    # pause, sleep, delete
    ("paused", view(OLD, wanted=Wanted.PAUSED), (steps.Drain("old"),), None),
    ("paused and stopped", view(wanted=Wanted.PAUSED), (), None),
    ("asleep", view(OLD, wanted=Wanted.ASLEEP), (steps.Drain("old"),), None),
    ("awake again", view(), (steps.Start("release1"),), None),
    (
        "a push while asleep: the new version may be here in a moment",
        view(overview={"build": build(2, state=BuildState.QUEUED, queued_at=ago(3))}),
        (),
        7.0,
    ),
    ("idle, not for long enough", view(OLD, idle_seconds=50, sleep_after=60), (), 10.0),
    ("idle", view(OLD, idle_seconds=60, sleep_after=60), (steps.Sleep(),), None),
    ("never sleeps", view(OLD, idle_seconds=1e9, sleep_after=None), (), None),
    (
        "not while it builds",
        view(
            OLD,
            overview={"build": build(2, state=BuildState.RUNNING)},
            idle_seconds=99,
            sleep_after=60,
            freeze_after=5,
        ),
        (),
        None,
    ),
    # the ladder
    (
        "idle, not for long enough to be frozen",
        view(OLD, idle_seconds=2, freeze_after=5, sleep_after=60),
        (),
        3.0,
    ),
    (
        "idle for long enough to be frozen",
        view(OLD, idle_seconds=5, freeze_after=5, sleep_after=60),
        (steps.Freeze("old", "container-old"),),
        None,
    ),
    (
        "idle for so long that it sleeps at once",
        view(OLD, idle_seconds=60, freeze_after=5, sleep_after=60),
        (steps.Sleep(),),
        None,
    ),
    ("never frozen", view(OLD, idle_seconds=30, sleep_after=60), (), 30.0),
    (
        "frozen, and left alone until it sleeps",
        view(COLD, sightings=(held(COLD),), idle_seconds=20, freeze_after=5, sleep_after=60),
        (),
        40.0,
    ),
    (
        "frozen for long enough to sleep",
        view(COLD, sightings=(held(COLD),), idle_seconds=60, freeze_after=5, sleep_after=60),
        (steps.Sleep(),),
        None,
    ),
    (
        "frozen, not for long enough to be pushed out",
        view(COLD, sightings=(held(COLD),), idle_seconds=20, **LADDER),
        (),
        10.0,
    ),
    (
        "frozen for long enough to be pushed out",
        view(COLD, sightings=(held(COLD),), idle_seconds=30, **LADDER),
        (steps.SwapOut("cold", "container-cold"),),
        None,
    ),
    (
        "pushed out, and left alone until it sleeps",
        view(COLD, sightings=(held(COLD, swapped=True),), idle_seconds=40, **LADDER),
        (),
        20.0,
    ),
    (
        "idle for long enough to be pushed out: frozen first",
        view(OLD, idle_seconds=30, **LADDER),
        (steps.Freeze("old", "container-old"),),
        None,
    ),
    (
        "pushed out for long enough to sleep",
        view(COLD, sightings=(held(COLD, swapped=True),), idle_seconds=60, **LADDER),
        (steps.Sleep(),),
        None,
    ),
    (
        "an engine that would not freeze it is not asked again",
        view(OLD, sightings=(runs(OLD, unfreezable=True),), idle_seconds=5, freeze_after=5),
        (),
        None,
    ),
    (
        "a request is under way that counts for the replica alone",
        view(OLD, sightings=(runs(OLD, in_flight=1),), idle_seconds=5, freeze_after=5),
        (),
        5.0,
    ),
    (
        "nothing is frozen while the engine does not answer",
        view(OLD, sightings=(), engine_up=False, idle_seconds=5, freeze_after=5),
        (),
        1.0,
    ),
    (
        "held by somebody else, or by us just before a crash: requests go there",
        view(OLD, sightings=(held(OLD),)),
        (steps.Thaw("old", "container-old"),),
        None,
    ),
    (
        "held while it starts",
        view(FIRST, overview=ALONE, sightings=(held(FIRST),)),
        (steps.Thaw("first", "container-first"),),
        None,
    ),
    ("thawed by a visitor, but not noted", view(COLD), (steps.Thawed("cold"),), None),
    (
        "the engine is back: what was frozen is still frozen",
        view(COLD, sightings=(held(COLD),)),
        (),
        None,
    ),
    (
        "it was killed while frozen",
        view(COLD, sightings=(ended(COLD, End(CRASH, outside=True)),)),
        (steps.Crashed("cold", CRASH),),
        None,
    ),
    ("it was removed while frozen", view(COLD, sightings=()), (steps.Gone("cold"),), None),
    (
        "paused while frozen",
        view(COLD, sightings=(held(COLD),), wanted=Wanted.PAUSED),
        (steps.Drain("cold"),),
        None,
    ),
    (
        "a frozen one that has drained is thawed to hear TERM",
        view(
            replica("cold", 1, DRAINING),
            sightings=(held(COLD, draining_for=9.0),),
            wanted=Wanted.PAUSED,
        ),
        (steps.Stop("cold", "container-cold", frozen=True),),
        None,
    ),
    (
        "a push while the old version is frozen",
        view(COLD, sightings=(held(COLD),), overview=WAITING),
        (steps.Start("release2"),),
        None,
    ),
    (
        "and the new one answers",
        view(COLD, NEW, sightings=(held(COLD), runs(NEW, answered=True)), overview=WAITING),
        (steps.Promote("new"),),
        None,
    ),
    (
        "deleted",
        view(OLD, space_changes={"deleted_at": ago(1)}),
        (steps.Drain("old"),),
        None,
    ),
    ("deleted and stopped", view(space_changes={"deleted_at": ago(1)}), (steps.Purge(),), None),
    (
        "deleted, but a build is under way",
        view(
            overview={"build": build(2, state=BuildState.RUNNING)},
            space_changes={"deleted_at": ago(1)},
        ),
        (),
        None,
    ),
    (
        "deleted, but the engine cannot say what runs",
        view(engine_up=False, space_changes={"deleted_at": ago(1)}),
        (),
        1.0,
    ),
    # static
    (
        "a folder is live at once",
        view(overview={"release": release(1, PENDING, artifact=FOLDER), "live": None}),
        (steps.GoLive("release1"),),
        None,
    ),
    (
        "and needs nothing",
        view(
            overview={
                "release": release(1, artifact=FOLDER),
                "live": release(1, artifact=FOLDER),
            }
        ),
        (),
        None,
    ),
    (
        "an app became a folder",
        view(
            OLD,
            overview={
                "release": release(2, artifact=FOLDER),
                "live": release(2, artifact=FOLDER),
            },
        ),
        (steps.Drain("old"),),
        None,
    ),
]


@pytest.mark.parametrize(
    ("seen", "wanted", "again"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE]
)
@pytest.mark.req("RUN-11")
def test_decide(seen: View, wanted: tuple[Step, ...], again: float | None) -> None:
    found = decide(seen)
    assert found.steps == wanted
    if not wanted:
        assert found == Decision((), again if again is None else pytest.approx(again))


def test_a_decision_is_a_function_of_its_view_alone() -> None:
    seen = view(OLD, NEW, overview=WAITING, sightings=(runs(OLD), runs(NEW, answered=True)))
    assert decide(seen) == decide(replace(seen))
