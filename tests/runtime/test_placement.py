"""A flavour on a host, by exact value."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.catalogue import Catalogue, Flavor
from config.runtime import Gpu, PlacementSettings
from runtime.placement import Capacity, NoRoom, Placement, Rival, in_turn, place

GIB = 1024**3
BASIC = Catalogue.load().flavor("cpu-basic")
A10X2 = Catalogue.load().flavor("a10g-largex2")
ANY = PlacementSettings(cpu_overcommit=None, memory_overcommit=None, memory_reserve=GIB)
STRICT = PlacementSettings(cpu_overcommit=1, memory_overcommit=1, memory_reserve=0)
CARDS = tuple(Gpu(id=each, accelerator="Nvidia A10G") for each in "abc")
BIG = Capacity(64, 512 * GIB, gpus=CARDS)

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
        NoRoom("all CPU cores are promised to other apps", scarce="cpu"),
    ),
    (
        "no memory left",
        BASIC,
        Capacity(64, 24 * GIB),
        [Placement(1, 9 * GIB)],
        STRICT,
        NoRoom("all memory is promised to other apps", scarce="memory"),
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
        NoRoom("every Nvidia A10G is in use", scarce="Nvidia A10G"),
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


MIXED = tuple(
    Gpu(id=str(number), accelerator=name)
    for number, name in enumerate(["Nvidia T4", "Nvidia A10G", "Nvidia A10G", "Nvidia A100"])
)


@given(
    st.lists(st.sampled_from(Catalogue.load().flavors), max_size=30),
    st.floats(0.5, 4),
    st.floats(0.5, 4),
)
def test_nothing_is_promised_beyond_the_factors(
    flavors: list[Flavor], cpus: float, memory: float
) -> None:
    settings = PlacementSettings(cpu_overcommit=cpus, memory_overcommit=memory)
    host = Capacity(48, 256 * GIB, gpus=MIXED)
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


T4 = Catalogue.load().flavor("t4-small")
UPGRADE = Catalogue.load().flavor("cpu-upgrade")
HOST = Capacity(8, 40 * GIB, gpus=MIXED)  # one big one fits, or two small ones
RUNS = [Placement(2, 16 * GIB)]


def waits(problem: str, scarce: str, position: int) -> NoRoom:
    return NoRoom(problem, scarce=scarce, position=position)


@pytest.mark.parametrize(
    ("flavor", "earlier", "others", "expected"),
    [
        (BASIC, [], RUNS, Placement(2, 16 * GIB)),
        (UPGRADE, [], RUNS, waits("all CPU cores are promised to other apps", "cpu", 1)),
        # the one before can have what is free: the next one looks at what is left
        (
            BASIC,
            [Rival(BASIC, 1)],
            RUNS,
            waits("all memory is promised to other apps", "memory", 2),
        ),
        # a big one waits: small ones pass it for a while, and then no more
        (BASIC, [Rival(UPGRADE, 599)], RUNS, Placement(2, 16 * GIB)),
        (
            BASIC,
            [Rival(UPGRADE, 600)],
            RUNS,
            waits(
                "another Space has waited longer, and all CPU cores are promised to other apps",
                "cpu",
                2,
            ),
        ),
        # who waits for a card keeps it from others of its kind only
        (BASIC, [Rival(T4, 999)], [Placement(1, GIB, ("0",))], Placement(2, 16 * GIB)),
    ],
)
def test_in_turn(
    flavor: Flavor, earlier: list[Rival], others: list[Placement], expected: Placement | NoRoom
) -> None:
    assert in_turn(flavor, earlier, HOST, others, STRICT) == expected


@given(
    st.lists(st.tuples(st.sampled_from([BASIC, UPGRADE, T4]), st.integers(1, 5)), max_size=25),
    st.data(),
)
def test_everybody_gets_a_turn(arrivals: list[tuple[Flavor, int]], data: st.DataObject) -> None:
    """Whatever comes and however long it runs: nobody waits for ever, nothing is promised twice."""
    settings = STRICT.model_copy(update={"patience": 3.0})
    queue: list[tuple[Flavor, int, int]] = []  # flavour, how long it will run, since when it waits
    running: list[tuple[Placement, int]] = []
    coming, now = list(arrivals), 0
    while coming or queue:
        now += 1
        running = [one for one in running if one[1] > now]
        if coming:
            flavor, length = coming.pop(0)
            queue.append((flavor, length, now))
        for index in data.draw(st.permutations(range(len(queue)))):
            flavor, length, since = queue[index]
            if flavor is None or since < 0:
                continue
            earlier = [Rival(other, now - began) for other, _, began in queue[:index] if began >= 0]
            placed = [one for one, _ in running]
            found = in_turn(flavor, earlier, HOST, placed, settings)
            if isinstance(found, Placement):
                running.append((found, now + length))
                queue[index] = (flavor, length, -1)
        queue = [one for one in queue if one[2] >= 0]
        assert sum(one.cpus for one, _ in running) <= HOST.cpus
        cards = [gpu for one, _ in running for gpu in one.gpus]
        assert len(cards) == len(set(cards))
        assert all(now - since <= 5 * 30 for _, _, since in queue)


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
