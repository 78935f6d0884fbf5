"""Apps begin in turn: not all at once after a reboot, and those first that somebody waits for."""

from __future__ import annotations

from itertools import pairwise

import pytest

from runtime.turns import Turns, places
from spaceport.ledger import replicas
from tests.runtime.world import QUICK, World, server
from tests.waiting import aeventually


class Queue:
    """Turns, and who was told to look again."""

    def __init__(self, most: int, *, longest: float = 60, awaited: str = "") -> None:
        self.most = most
        self.poked: list[str] = []
        self.turns = Turns(lambda: self.most, longest, lambda key: key in awaited)

    def asks(self, key: str) -> bool:
        return self.turns.may_begin(key, lambda: self.poked.append(key))


@pytest.mark.parametrize(("cores", "most"), [(0, 2), (0.5, 2), (1, 2), (2, 4), (15.5, 31)])
def test_a_host_with_more_cores_lets_more_begin(cores: float, most: int) -> None:
    assert places(cores) == most


async def test_whoever_comes_first_begins_first() -> None:
    queue = Queue(1)
    assert [queue.asks(key) for key in "abc"] == [True, False, False]
    assert queue.asks("a")  # it has its turn still
    queue.turns.leave("a")
    assert queue.poked == ["b"]
    assert not queue.asks("c")
    assert queue.asks("b")
    queue.turns.close()


async def test_one_that_somebody_waits_for_comes_first() -> None:
    queue = Queue(1, awaited="c")
    for key in "abc":
        queue.asks(key)
    queue.turns.leave("a")
    assert queue.poked == ["c"]
    assert not queue.asks("b")
    assert queue.asks("c")
    queue.turns.close()


async def test_one_that_does_not_want_to_begin_any_more_holds_nobody_up() -> None:
    queue = Queue(1)
    for key in "abc":
        queue.asks(key)
    queue.turns.leave("a")
    assert queue.turns.waits("b")
    queue.turns.leave("b")
    assert queue.poked == ["b", "c"]
    assert not queue.turns.waits("b")
    assert queue.asks("c")
    queue.turns.close()


async def test_one_that_takes_long_lets_the_next_one_begin() -> None:
    queue = Queue(1, longest=0.01)
    queue.asks("a")
    queue.asks("b")
    await aeventually(lambda: queue.poked == ["b"])
    assert queue.asks("b")
    queue.turns.close()


async def test_one_that_leaves_without_a_turn_wakes_nobody() -> None:
    queue = Queue(1)
    queue.asks("a")
    queue.asks("b")
    queue.turns.leave("z")
    assert queue.poked == []
    queue.turns.close()


@pytest.mark.engine
async def test_apps_begin_one_after_the_other(world: World) -> None:
    start = QUICK.start.model_copy(update={"at_once": 1})
    world.settings = QUICK.model_copy(update={"start": start})
    keys = [world.space(f"app{number}") for number in range(3)]
    for key in keys:
        world.push(key, server(first="import time; time.sleep(0.3)"))
    world.start()
    for key in keys:
        await world.becomes(key, "RUNNING")
    with world.ledger.read() as tx:
        alive = [one for key in keys for one in replicas.alive(tx, key)]
    times = sorted((one.created_at, one.ready_at or one.created_at) for one in alive)
    assert len(times) == 3
    assert all(before[1] <= after[0] for before, after in pairwise(times))
