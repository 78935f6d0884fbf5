"""A Space that was rolled back: the earlier version is started, and stays."""

from __future__ import annotations

from dataclasses import replace

import pytest

from runtime import steps
from spaceport.stage import Wanted
from spaceport.states import BuildState
from tests.runtime.rows import FOLDER, ago, build, release, replica
from tests.runtime.views import CRASH, FAILED, LIVE, PENDING, READY, Row, check, table, view

HELD = {"rolled_back_from": "a" * 40}
BACK = release(3, LIVE, build_id="build1", rollback_of=1)
BACK_RUNS = {"release": BACK, "live": BACK, "build": build(2)}
RUNS_BACK = replica("back", 3, READY)
PENDING_BACK = replace(BACK, state=PENDING)
LIVE_2 = release(2)

TABLE: list[Row] = [
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


@table(TABLE)
@pytest.mark.req("RUN-11")
def test_decide(row: Row) -> None:
    check(row)
