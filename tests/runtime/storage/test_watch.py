"""Ephemeral disk: who writes too much into the root of its container is stopped, and told why."""

from __future__ import annotations

import pytest

from config.catalogue import Catalogue
from runtime.storage.watch import Occupant, over_limit
from spaceport.cause import Cause, Failure
from spaceport.states import ReplicaState
from tests.runtime.rows import replica
from tests.runtime.storage.conftest import SETTINGS, app
from tests.runtime.world import World
from tests.waiting import aeventually

GIB = 1024**3


def test_who_is_over_the_limit() -> None:
    known = [
        Occupant(replica("small"), "cpu-basic"),
        Occupant(replica("exact"), "cpu-basic"),
        Occupant(replica("medium"), "t4-medium"),
        Occupant(replica("unknown"), "gone"),
        Occupant(replica("new", state=ReplicaState.STARTING, handle=None), "cpu-basic"),
    ]
    written = {"container-small": GIB, "container-exact": 50 * GIB, "container-medium": 60 * GIB}
    written |= {"container-unknown": 900 * GIB, "container-other": 900 * GIB}
    found = over_limit(known, written, Catalogue.load())
    failure = Failure(Cause.OUT_OF_DISK, {"limit": "50G"})
    assert [(one.id, why) for one, why in found] == [("exact", failure)]
    assert failure.explain().sentence == "Workload evicted, storage limit exceeded (50G)."


@pytest.mark.engine
@pytest.mark.req("RUN-06", "3.7.6")
async def test_an_app_that_fills_the_disk_is_evicted_and_its_neighbour_is_not(
    world: World,
) -> None:
    world.settings = SETTINGS
    image = {"read_only_root": False}
    key, neighbour = world.space(), world.space("neighbour")
    world.push(key, app(), **image)
    world.push(neighbour, app("two"), **image)
    world.start()
    await world.serves(key, "one")
    await world.serves(neighbour, "two")
    # the engine counts a sparse file as what it seems to be, so this is 50 GB to it
    expression = "open('/tmp/big','wb').truncate(50*1024**3)".replace("'", "%27")
    assert await world.get(key, f"/?{expression}") == str(50 * GIB)
    await world.becomes(key, "RUNTIME_ERROR")
    told = world.view(key).standing.explanation
    assert told is not None
    assert told.sentence == "Workload evicted, storage limit exceeded (50G)."
    await world.settled(neighbour, 1)
    assert await world.get(neighbour) == "two"
    world.restart(key)
    await world.serves(key, "one")  # from an empty root
    await aeventually(lambda: world.stage(key) == "RUNNING")
