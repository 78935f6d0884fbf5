"""Who goes down the ladder when the host is short of memory, by exact value."""

from __future__ import annotations

from dataclasses import replace

import pytest

from config.catalogue import Catalogue
from config.runtime import CpuSettings, MemorySettings
from runtime.pressure import (
    Candidate,
    Memory,
    Rung,
    allowed,
    busy,
    demands,
    memory_told,
    pauses,
    short,
)
from runtime.relief import Relief
from runtime.use import Use, hastened

GIB = 1024**3
CPU = CpuSettings(busy=90, unused=30, at_once=2)
SETTINGS = MemorySettings(low=0.1, enough=0.2, stalled=10, unused=30, at_once=2)
RUNNING, FROZEN, SWAPPED, ASLEEP = Rung
ALL = frozenset({FROZEN, SWAPPED, ASLEEP})
HELD_ONLY = frozenset({FROZEN, SWAPPED})
FREE = Catalogue.load().flavor("cpu-basic")
GPU = Catalogue.load().flavor("t4-small")


def memory(share: float, stalled: float | None = None) -> Memory:
    return Memory(100 * GIB, int(share * 100) * GIB, stalled)


@pytest.mark.parametrize(
    ("now", "before", "expected"),
    [
        (memory(0.5), False, False),
        (memory(0.1), False, False),
        (memory(0.09), False, True),
        (memory(0.19), True, True),  # it was short: until there is clearly enough
        (memory(0.2), True, False),
        (memory(0.5, 9.9), False, False),
        (memory(0.5, 10.0), False, True),
        (memory(0.5, 5.0), True, True),
        (memory(0.5, 4.9), True, False),
    ],
)
def test_short_of_memory(now: Memory, before: bool, expected: bool) -> None:
    assert short(now, before, SETTINGS) is expected


def test_neither_is_looked_at_when_switched_off() -> None:
    settings = MemorySettings(low=0, enough=0, stalled=None)
    assert not short(memory(0.0, 99.0), True, settings)


def one(
    key: str, idle: float, at: Rung = RUNNING, may: frozenset[Rung] = ALL
) -> tuple[Candidate, ...]:
    return (Candidate(key, idle, at, may),)


@pytest.mark.parametrize(
    ("candidates", "expected"),
    [
        ((), {}),
        (one("used", 0), {}),
        (one("just used", 29), {}),
        (one("a", 30), {"a": SWAPPED}),
        (one("a", 30, may=frozenset({FROZEN, ASLEEP})), {"a": FROZEN}),
        (one("a", 40) + one("b", 99) + one("c", 60), {"b": SWAPPED, "c": SWAPPED}),
        (one("a", 99, SWAPPED) + one("b", 40), {"b": SWAPPED}),  # the gentle way for all first
        (one("a", 99, SWAPPED) + one("b", 40, SWAPPED), {"a": ASLEEP, "b": ASLEEP}),
        (one("paid", 99, SWAPPED, HELD_ONLY) + one("b", 40, SWAPPED), {"b": ASLEEP}),
        (one("paid", 99, SWAPPED, HELD_ONLY), {}),
        (one("gpu", 99, may=frozenset({ASLEEP})), {"gpu": ASLEEP}),
        (one("gpu, never sleeps", 99, may=frozenset()), {}),
    ],
)
def test_demands(candidates: tuple[Candidate, ...], expected: dict[str, Rung]) -> None:
    assert demands(candidates, SETTINGS) == expected


def test_where_a_space_may_be_sent() -> None:
    assert allowed(FREE, sleeps=True, can_freeze=True, can_reclaim=True) == ALL
    assert allowed(FREE, sleeps=False, can_freeze=True, can_reclaim=True) == HELD_ONLY
    assert allowed(FREE, sleeps=True, can_freeze=True, can_reclaim=False) == {FROZEN, ASLEEP}
    assert allowed(FREE, sleeps=True, can_freeze=False, can_reclaim=True) == {ASLEEP}
    assert allowed(GPU, sleeps=True, can_freeze=True, can_reclaim=True) == {ASLEEP}
    assert allowed(GPU, sleeps=False, can_freeze=True, can_reclaim=True) == set()


@pytest.mark.parametrize(
    ("waited", "before", "expected"),
    [(89.9, False, False), (90.0, False, True), (45.0, True, True), (44.9, True, False)],
)
def test_busy_cores(waited: float, before: bool, expected: bool) -> None:
    assert busy(waited, before, CPU) is expected


def test_cores_are_not_looked_at_where_nothing_tells_or_nobody_wants_it() -> None:
    assert not busy(None, True, CPU)
    assert not busy(100.0, True, CpuSettings(busy=None))


def test_only_what_would_be_frozen_in_good_times_pauses_for_busy_cores() -> None:
    (works,) = one("works", 99)
    rests = replace(works, key="rests", pauses=True)
    assert pauses([works, rests], CPU) == {"rests": FROZEN}
    assert pauses([replace(rests, idle=29), replace(rests, at=FROZEN)], CPU) == {}
    assert pauses([replace(rests, allowed=frozenset({ASLEEP}))], CPU) == {}
    assert pauses([replace(rests, allowed=frozenset())], CPU) == {}
    later = [replace(rests, key=name, idle=idle) for name, idle in (("a", 40), ("b", 60))]
    assert pauses([*later, rests], CPU) == {"rests": FROZEN, "b": FROZEN}


def test_what_is_demanded_comes_before_its_time_and_never_later() -> None:
    use = Use(100, sleep_after=20, freeze_after=None, swap_after=300)
    assert hastened(use, RUNNING, SETTINGS) == use
    assert hastened(use, FROZEN, SETTINGS) == Use(100, 20, 30, 300)
    assert hastened(use, SWAPPED, SETTINGS) == Use(100, 20, 30, 30)
    assert hastened(Use(5, sleep_after=99), ASLEEP, SETTINGS) == Use(5, 30, 30, 30)


def test_what_the_kernel_tells() -> None:
    meminfo = "MemTotal:       24682716 kB\nMemFree: 1 kB\nMemAvailable:   12341358 kB\n"
    pressure = "some avg10=1.25 avg60=0.00 avg300=0.00 total=1\nfull avg10=0.5 avg60=0 total=7\n"
    assert memory_told(meminfo, pressure) == Memory(24682716 * 1024, 12341358 * 1024, 1.25)
    assert memory_told(meminfo, "") == Memory(24682716 * 1024, 12341358 * 1024)
    assert memory_told("MemTotal: 1 kB\n", "") is None


def test_demands_end_with_the_shortage() -> None:
    told = [memory(0.05), memory(0.15), memory(0.5)]
    relief = Relief(SETTINGS, lambda: told.pop(0), CPU, lambda: None)
    assert relief.look(lambda: one("a", 99)) == ("a",)
    assert relief.look(lambda: ()) == ()
    assert relief.demand("a") is SWAPPED
    assert relief.look(lambda: one("a", 99)) == ()
    assert relief.demand("a") is RUNNING


def test_busy_cores_freeze_what_is_unused_until_they_are_free_again() -> None:
    waited = [95.0, 50.0, 10.0]
    relief = Relief(SETTINGS, lambda: None, CPU, lambda: waited.pop(0))
    (unused,) = one("a", 99)
    assert relief.look(lambda: [replace(unused, pauses=True)]) == ("a",)
    assert relief.look(lambda: [replace(unused, pauses=True, at=FROZEN)]) == ()
    assert relief.demand("a") is FROZEN
    assert relief.look(lambda: ()) == ()
    assert relief.demand("a") is RUNNING
