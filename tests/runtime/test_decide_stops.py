"""Versions drain and are stopped: when another serves, and on pause, sleep and deletion."""

from __future__ import annotations

import pytest

from runtime import steps
from runtime.view import End
from spaceport.stage import Wanted
from spaceport.states import BuildState
from tests.runtime.rows import ago, build, release, replica
from tests.runtime.views import (
    CRASH,
    DRAINING,
    FAILED,
    OLD,
    READY,
    Row,
    check,
    ended,
    runs,
    table,
    view,
)

TABLE: list[Row] = [
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
]


@table(TABLE)
@pytest.mark.req("RUN-11")
def test_decide(row: Row) -> None:
    check(row)
