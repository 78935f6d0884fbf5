"""Ephemeral disk: who writes too much into the root of its container is stopped, and told why."""

from __future__ import annotations

import pytest

from config.catalogue import Catalogue
from config.storage import StorageSettings
from runtime.storage.watch import Occupant, over_limit
from spaceport.cause import Cause, Failure
from spaceport.states import ReplicaState
from tests.runtime.rows import replica
from tests.runtime.storage.conftest import SETTINGS, StorageWorld, app
from tests.runtime.world import World
from tests.waiting import aeventually

GIB = 1024**3
PLACES = ("/tmp", "/home/user")
OPEN = "os.open('/tmp/big', os.O_RDWR | os.O_CREAT)"


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
    found = over_limit(known, written, {"medium", "other"}, Catalogue.load())
    failure = Failure(Cause.OUT_OF_DISK, {"limit": "50G"})
    larger = Failure(Cause.OUT_OF_DISK, {"limit": "100G"})
    assert [(one.id, why) for one, why in found] == [("exact", failure), ("medium", larger)]
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


@pytest.mark.engine
@pytest.mark.req("RUN-06", "3.7.6")
async def test_home_and_tmp_are_a_disk_that_ends_with_the_replica(stored: StorageWorld) -> None:
    """Of the hardware's size, not of its memory; full is told as with a root of its own."""
    small = StorageSettings(watch=0.2, reserve=0)
    stored.settings = stored.settings.model_copy(update={"storage": small})
    key = stored.space()
    stored.push(key, app())
    stored.start()
    await stored.serves(key, "one")
    own_users = stored.engine.name == "process"  # there these places stay in memory
    sizes = [f"os.statvfs({place!r}).f_blocks * 4096 > 40 * 1024**3" for place in PLACES]
    assert [await stored.ask(key, one) for one in sizes] == [str(not own_users)] * 2
    if own_users:
        assert not stored.mounted()
        return
    for place in PLACES:
        assert await stored.ask(key, f"open('{place}/x', 'w').write('x')") == "1"
    before = stored.mounted()
    stored.restart(key)
    await aeventually(lambda: stored.mounted() not in ([], before))
    await aeventually(lambda: len(stored.mounted()) == 1)
    assert await stored.ask(key, "os.path.exists('/tmp/x')") == "False"

    # allocated in it, so that it is full, but not written, so that the host gives nothing
    assert await stored.ask(key, f"os.posix_fallocate({OPEN}, 0, 100 * 1024**2)") == "None"
    assert await stored.ask(key, f"os.posix_fallocate({OPEN}, 0, 60 * 1024**3)") == "OSError 28"
    await stored.becomes(key, "RUNTIME_ERROR")
    assert stored.cause(key) == "OUT_OF_DISK"
    await aeventually(lambda: not stored.mounted())
    await aeventually(lambda: not list((stored.data / "volumes").iterdir()))
