"""When a Space sleeps (spaces-behaviour 8.3), by exact value."""

from __future__ import annotations

import pytest

from config.catalogue import Catalogue, Flavor
from runtime.idleness import freeze_after, idle_seconds, sleep_after

FREE = Catalogue.load().flavor("cpu-basic")
PAID = Catalogue.load().flavor("t4-small")
UPGRADED = Catalogue.load().flavor("cpu-upgrade")


@pytest.mark.parametrize(
    ("flavor", "asked", "expected"),
    [
        (FREE, None, 172_800),
        (FREE, 300, 172_800),
        (FREE, -1, 172_800),
        (PAID, None, None),
        (PAID, -1, None),
        (PAID, 300, 300),
    ],
)
def test_sleep_after(flavor: object, asked: int | None, expected: float | None) -> None:
    assert sleep_after(flavor, asked, 172_800) == expected  # type: ignore[arg-type]


def test_an_installation_may_never_put_free_hardware_to_sleep() -> None:
    assert sleep_after(FREE, 300, None) is None


@pytest.mark.parametrize(
    ("flavor", "asked", "seconds", "expected"),
    [
        (FREE, None, 300.0, 300.0),
        (FREE, -1, 300.0, 300.0),
        (FREE, None, 0.0, None),
        (FREE, None, None, None),
        (UPGRADED, None, 300.0, None),  # what never sleeps goes on working
        (UPGRADED, -1, 300.0, None),
        (UPGRADED, 3600, 300.0, 300.0),
        (PAID, 3600, 300.0, None),  # a GPU
    ],
)
def test_freeze_after(
    flavor: Flavor, asked: int | None, seconds: float | None, expected: float | None
) -> None:
    assert freeze_after(flavor, asked, seconds) == expected


@pytest.mark.req("RUN-12")
def test_idle_since_the_latest_moment_and_not_while_someone_is_connected() -> None:
    assert idle_seconds(1000.0, 0.0, 900.0, 940.0, open_connections=0) == 60.0
    assert idle_seconds(1000.0, 0.0, 900.0, open_connections=1) == 0.0
    assert idle_seconds(1000.0, 1001.0, open_connections=0) == 0.0


@pytest.mark.parametrize(("flavor", "asked", "expected"), [(FREE, 900, 900), (FREE, -1, None)])
def test_a_preview_sleeps_when_it_was_told_to(
    flavor: Flavor, asked: int, expected: float | None
) -> None:
    assert sleep_after(flavor, asked, 172_800, preview=True) == expected
