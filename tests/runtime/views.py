"""What a lane sees of one Space, for tables of what it decides then."""

from __future__ import annotations

from typing import Any

import pytest

from runtime.decide import Decision, decide
from runtime.steps import Step
from runtime.view import End, Sighting, View
from spaceport.cause import Cause, Failure
from spaceport.engine import ContainerState, Exit, Observed
from spaceport.ledger.overview import Overview
from spaceport.ledger.replicas import Replica
from spaceport.stage import Wanted
from spaceport.states import ReleaseState, ReplicaState
from tests.runtime.rows import NOW, ago, build, release, replica, space

# Its name, what is seen, the steps; and if there are none, after how long to look again.
Row = tuple[str, View, tuple[Step, ...], float | None]

PENDING, LIVE, FAILED = ReleaseState.PENDING, ReleaseState.LIVE, ReleaseState.FAILED
STARTING, READY = ReplicaState.STARTING, ReplicaState.READY
DRAINING, GONE = ReplicaState.DRAINING, ReplicaState.GONE
CRASH = Failure(Cause.APP_CRASHED, {"exit_code": 1, "problem": "boom"})
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


def table(rows: list[Row]) -> pytest.MarkDecorator:
    """The rows, one after the other, as a test's `row`."""
    return pytest.mark.parametrize("row", rows, ids=[row[0] for row in rows])


def check(row: Row) -> None:
    _, seen, wanted, again = row
    found = decide(seen)
    assert found.steps == wanted
    if not wanted:
        assert found == Decision((), again if again is None else pytest.approx(again))
