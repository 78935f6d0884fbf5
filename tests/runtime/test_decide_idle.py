"""Nobody visits: what serves is frozen, pushed out and put to sleep, and comes back from there."""

from __future__ import annotations

import pytest

from runtime import steps
from runtime.view import End
from spaceport.stage import Wanted
from spaceport.states import BuildState
from tests.runtime.rows import build, replica
from tests.runtime.views import (
    ALONE,
    COLD,
    CRASH,
    DRAINING,
    FIRST,
    NEW,
    OLD,
    WAITING,
    Row,
    check,
    ended,
    held,
    runs,
    table,
    view,
)

LADDER = {"freeze_after": 5, "swap_after": 30, "sleep_after": 60}

TABLE: list[Row] = [
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
        view(OLD, engine_up=False, idle_seconds=5, freeze_after=5),
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
]


@table(TABLE)
@pytest.mark.req("RUN-11")
def test_decide(row: Row) -> None:
    check(row)
