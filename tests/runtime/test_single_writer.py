"""One writer for each disk, as a table by exact value: the old one stops, then the new starts."""

from __future__ import annotations

from typing import Any

import pytest

from runtime import steps
from runtime.decide import decide
from runtime.steps import Step
from runtime.view import Room, Sighting, View
from spaceport.cause import Cause, Failure
from spaceport.ledger.overview import Overview
from spaceport.ledger.volumes import Disk, held_disk
from spaceport.states import ReleaseState, ReplicaState
from tests.runtime.rows import KEY, NOW, ago, build, release, replica, space
from tests.runtime.views import runs

PENDING, LIVE, FAILED = ReleaseState.PENDING, ReleaseState.LIVE, ReleaseState.FAILED
DISK = Disk("d" * 24, "1" * 24, KEY, None, "small", 20 << 30, NOW)
HOLDS = {"holds": frozenset({held_disk(DISK.id)})}
OLD = replica("old", 1, **HOLDS)
WITHOUT = replica("old", 1)
DRAINING = replica("old", 1, ReplicaState.DRAINING, **HOLDS)
BROKEN = replica("new", 2, ReplicaState.DRAINING, ready_at=None, **HOLDS)
FULL = Room(Failure(Cause.NO_CAPACITY, {"problem": "full"}))
SWAP = {"release": release(2, PENDING), "live": release(1)}
BACK = {"release": release(2, FAILED), "live": release(1)}


def view(
    *replicas: Any,
    disk: Disk | None = DISK,
    room: Room | None = None,
    evicted: Failure | None = None,
    busy: int = 0,
    **facts: Any,
) -> View:
    more = {"draining_for": 5.0 if not busy else 0.0, "evicted": evicted, "in_flight": busy}
    seen = dict(runs(one, **more) for one in replicas)
    overview = Overview(space(), build(2), replicas=replicas, disk=disk, **facts)
    return View(now=NOW, overview=overview, sightings=seen, room=room or Room())


TABLE: list[tuple[str, View, tuple[Step, ...]]] = [
    ("the old one makes way before the new one starts", view(OLD, **SWAP), (steps.Drain("old"),)),
    (
        "it is stopped when it has drained, and nothing starts meanwhile",
        view(DRAINING, **SWAP),
        (steps.Stop("old", "container-old"),),
    ),
    ("then the new one starts", view(**SWAP), (steps.Start("release2"),)),
    (
        "one that holds no disk yet is replaced without a gap",
        view(WITHOUT, **SWAP),
        (steps.Start("release2"),),
    ),
    (
        "so is one whose disk was given up",
        view(OLD, disk=None, **SWAP),
        (steps.Start("release2"),),
    ),
    (
        "nobody makes way for a version that could not start anyway",
        view(OLD, room=FULL, **SWAP),
        (steps.Notice("release2", FULL.failure),),
    ),
    (
        "when the new one failed the old version waits until its disk is free",
        view(BROKEN, **BACK),
        (steps.Stop("new", "container-new"),),
    ),
    ("and is started again", view(**BACK), (steps.Start("release1"),)),
    ("what serves alone is left alone", view(OLD, release=release(1), live=release(1)), ()),
]


@pytest.mark.req("8.2.3")
@pytest.mark.parametrize(
    ("given", "expected"), [row[1:] for row in TABLE], ids=[r[0] for r in TABLE]
)
def test_one_writer(given: View, expected: tuple[Step, ...]) -> None:
    assert decide(given).steps == expected


FULL_DISK = Failure(Cause.OUT_OF_DISK, {"limit": "50G"})


@pytest.mark.req("3.7.6")
def test_who_fills_the_disk_is_given_up_and_stopped_at_once() -> None:
    live = {"release": release(1), "live": release(1)}
    running = view(WITHOUT, disk=None, evicted=FULL_DISK, **live)
    assert decide(running).steps == (steps.Fail("release1", FULL_DISK, "old", ended=False),)
    dismissed = replica("old", 1, ReplicaState.DRAINING)
    failed = {"release": release(1, FAILED), "live": None}
    stopping = view(dismissed, disk=None, evicted=FULL_DISK, busy=3, **failed)
    assert decide(stopping).steps == (steps.Stop("old", "container-old"),)


def test_a_container_whose_end_is_not_known_still_holds_its_disk() -> None:
    lost = replica("old", 1, ReplicaState.DRAINING, created_at=ago(60), **HOLDS)
    given = view(lost, **SWAP)
    unseen = View(
        now=NOW, overview=given.overview, engine_up=False, sightings={lost.id: Sighting()}
    )
    assert not any(isinstance(step, steps.Start) for step in decide(unseen).steps)
