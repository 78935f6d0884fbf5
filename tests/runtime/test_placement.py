"""A flavour on a host, by exact value."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.catalogue import Catalogue, Flavor
from config.runtime import PlacementSettings
from runtime.placement import Capacity, NoRoom, Placement, place

GIB = 1024**3
BASIC = Catalogue.load().flavor("cpu-basic")
A10X2 = Catalogue.load().flavor("a10g-largex2")
ANY = PlacementSettings(cpu_overcommit=None, memory_overcommit=None, memory_reserve=GIB)
STRICT = PlacementSettings(cpu_overcommit=1, memory_overcommit=1, memory_reserve=0)
BIG = Capacity(64, 512 * GIB, gpus=("a", "b", "c"))

TABLE = [
    ("it fits", BASIC, BIG, (), STRICT, Placement(2, 16 * GIB)),
    ("nothing is known of the host", BASIC, Capacity(), (), STRICT, Placement(2, 16 * GIB)),
    ("a small host", BASIC, Capacity(1, 9 * GIB), (), ANY, Placement(1, 8 * GIB)),
    ("a tiny host", BASIC, Capacity(1, GIB), (), ANY, Placement(1, GIB // 2)),
    (
        "promised many times over",
        BASIC,
        Capacity(2, 17 * GIB),
        [Placement(2, 16 * GIB)] * 99,
        ANY,
        Placement(2, 16 * GIB),
    ),
    (
        "no cores left",
        BASIC,
        Capacity(4, 512 * GIB),
        [Placement(2, GIB), Placement(1, GIB)],
        STRICT,
        NoRoom("all CPU cores are promised to other apps"),
    ),
    (
        "no memory left",
        BASIC,
        Capacity(64, 24 * GIB),
        [Placement(1, 9 * GIB)],
        STRICT,
        NoRoom("all memory is promised to other apps"),
    ),
    ("GPUs by id", A10X2, BIG, (), STRICT, Placement(24, 92 * GIB, ("a", "b"))),
    (
        "GPUs are exclusive",
        A10X2,
        BIG,
        [Placement(1, GIB, ("b",))],
        STRICT,
        Placement(24, 92 * GIB, ("a", "c")),
    ),
    (
        "all GPUs in use",
        A10X2,
        BIG,
        [Placement(1, GIB, ("b", "c"))],
        ANY,
        NoRoom("every Nvidia A10G is in use"),
    ),
    (
        "no such GPU at all",
        A10X2,
        Capacity(64, 512 * GIB),
        (),
        ANY,
        NoRoom("this server has no 2x Nvidia A10G", lasting=True),
    ),
]


@pytest.mark.parametrize(
    ("flavor", "capacity", "others", "settings", "expected"),
    [row[1:] for row in TABLE],
    ids=[row[0] for row in TABLE],
)
def test_place(
    flavor: Flavor,
    capacity: Capacity,
    others: list[Placement],
    settings: PlacementSettings,
    expected: Placement | NoRoom,
) -> None:
    assert place(flavor, capacity, others, settings) == expected


@given(
    st.lists(st.sampled_from(Catalogue.load().flavors), max_size=30),
    st.floats(0.5, 4),
    st.floats(0.5, 4),
)
def test_nothing_is_promised_beyond_the_factors(
    flavors: list[Flavor], cpus: float, memory: float
) -> None:
    settings = PlacementSettings(cpu_overcommit=cpus, memory_overcommit=memory)
    host = Capacity(48, 256 * GIB, gpus=("0", "1", "2", "3"))
    placed: list[Placement] = []
    for flavor in flavors:
        found = place(flavor, host, placed, settings)
        if isinstance(found, Placement):
            placed.append(found)
    if len(placed) > 1:
        assert sum(one.cpus for one in placed) <= host.cpus * cpus
        assert sum(one.memory for one in placed) <= host.memory * memory
    gpus = [gpu for one in placed for gpu in one.gpus]
    assert len(gpus) == len(set(gpus))


@pytest.mark.parametrize(
    ("memory", "text"),
    [(16 * GIB, "16Gi"), (int(7.5 * GIB), "7.5Gi"), (64 * 1024**2, "64Mi")],
)
def test_the_limit_reads_as_the_original_says_it(memory: int, text: str) -> None:
    assert Placement(1, memory).memory_text == text


def test_a_placement_is_kept_with_its_row() -> None:
    placement = Placement(0.5, GIB, ("x",))
    assert Placement.from_json(placement.to_json()) == placement
    assert Placement.from_json({}) == Placement(0, 0)
