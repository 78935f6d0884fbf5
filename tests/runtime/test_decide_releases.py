"""When there is a new release, and when the one there is stays; a folder is live at once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from runtime import steps
from runtime.decide import decide
from spaceport.stage import Wanted
from spaceport.states import BuildState
from tests.runtime.rows import FOLDER, ago, build, release
from tests.runtime.views import (
    FAILED,
    NEW,
    NOTHING,
    OLD,
    PENDING,
    WAITING,
    Row,
    check,
    runs,
    table,
    view,
)

TABLE: list[Row] = [
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
    # folders
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


@table(TABLE)
@pytest.mark.req("RUN-11")
def test_decide(row: Row) -> None:
    check(row)


def test_a_decision_is_a_function_of_its_view_alone() -> None:
    seen = view(OLD, NEW, overview=WAITING, sightings=(runs(OLD), runs(NEW, answered=True)))
    assert decide(seen) == decide(replace(seen))
