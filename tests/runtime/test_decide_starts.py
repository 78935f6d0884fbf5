"""Starting a version: it is waited for, then serves or is given up; or there is no room for it."""

from __future__ import annotations

import pytest

from config.runtime import RuntimeSettings, StartSettings
from runtime import steps
from runtime.diagnosis import Findings
from runtime.view import Room
from spaceport.cause import Cause, Failure
from spaceport.engine import Listening
from spaceport.states import BuildState
from tests.runtime.rows import ago, build, release, replica
from tests.runtime.views import (
    ALONE,
    FIRST,
    NEW,
    OLD,
    PENDING,
    STARTING,
    STARTUP,
    WAITING,
    Row,
    check,
    runs,
    table,
    view,
)

FULL = Failure(Cause.NO_CAPACITY, {"problem": "full"})
ELSEWHERE = Findings(listening=(Listening("0.0.0.0", 5000),))
WRONG_PORT = Failure(Cause.WRONG_PORT, {"found": 5000, "expected": 7860, "docker_hint": ""})
IMPATIENT = RuntimeSettings(start=StartSettings(misplaced_fail=20))

TABLE: list[Row] = [
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
    # after sleep
    ("awake again", view(), (steps.Start("release1"),), None),
    (
        "a push while asleep: the new version may be here in a moment",
        view(overview={"build": build(2, state=BuildState.QUEUED, queued_at=ago(3))}),
        (),
        7.0,
    ),
]


@table(TABLE)
@pytest.mark.req("RUN-11")
def test_decide(row: Row) -> None:
    check(row)
