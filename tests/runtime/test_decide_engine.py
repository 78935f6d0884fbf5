"""What the engine runs is not what the ledger says, or the engine is down."""

from __future__ import annotations

import pytest

from runtime import steps
from runtime.view import Sighting
from spaceport.cause import Cause, Failure
from spaceport.engine import ContainerState
from spaceport.stage import Wanted
from tests.runtime.rows import replica
from tests.runtime.views import ALONE, FIRST, OLD, STARTING, Row, check, container, table, view

ENGINE = Failure(Cause.ENGINE_DOWN)

TABLE: list[Row] = [
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
]


@table(TABLE)
@pytest.mark.req("RUN-11")
def test_decide(row: Row) -> None:
    check(row)
