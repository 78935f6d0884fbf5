"""A container ended: what is told, counted, waited for and tried again."""

from __future__ import annotations

import pytest

from runtime import steps
from runtime.view import End
from spaceport.cause import Cause, Failure
from tests.runtime.rows import ago, release, replica
from tests.runtime.views import (
    ALONE,
    CRASH,
    FIRST,
    GONE,
    NEW,
    OLD,
    READY,
    STARTING,
    STARTUP,
    WAITING,
    Row,
    check,
    ended,
    runs,
    table,
    view,
)

TABLE: list[Row] = [
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
]


@table(TABLE)
@pytest.mark.req("RUN-11")
def test_decide(row: Row) -> None:
    check(row)
