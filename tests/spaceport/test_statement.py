"""What a month costs, by exact value."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from spaceport.errors import Invalid
from spaceport.ledger.budgets import Level, judge
from spaceport.ledger.usage import MICRO, Kind, Stretch
from spaceport.statement import Line, Month, dollars, statement

NOVEMBER = Month(2026, 11)
START = NOVEMBER.start
T4 = 600_000  # micro-dollars an hour


def stretch(
    begin: float,
    end: float | None,
    *,
    kind: Kind = Kind.HARDWARE,
    slug: str = "t4-small",
    price: int = T4,
    space: str = "a",
    answered: bool = True,
) -> Stretch:
    """Times in seconds after the start of November."""
    at = START + timedelta(seconds=begin)
    return Stretch(
        space_key=space,
        space_id=f"ada/{space}",
        owner_id="o",
        kind=kind,
        slug=slug,
        price=price,
        started_at=at,
        answered_at=at if answered else None,
        ended_at=None if end is None else START + timedelta(seconds=end),
    )


def total(*stretches: Stretch, at: float = 10_000_000) -> int:
    return statement(stretches, NOVEMBER, START + timedelta(seconds=at)).total


@pytest.mark.req("RUN-14")
@pytest.mark.parametrize(
    ("stretches", "amount"),
    [
        ([], 0),
        ([stretch(0, 3600)], T4),  # an hour
        ([stretch(0, 60)], 10_000),
        ([stretch(0, 61)], 20_000),  # a begun minute counts
        ([stretch(0, 30), stretch(30, 60)], 10_000),  # but not twice
        ([stretch(0, 0)], 0),
        ([stretch(0, 3600, answered=False)], 0),  # never answered: free
        ([stretch(-3600, 0)], 0),  # of October
        ([stretch(-3600, 3600)], T4),  # cut at the month's start
        ([stretch(30 * 86400 - 3600, 30 * 86400 + 7200)], T4),  # and at its end
        ([stretch(0, None)], 720 * T4),  # it goes on: until the month is over
        ([stretch(0, 60, space="a"), stretch(0, 60, space="b")], 20_000),
        ([stretch(0, 30), stretch(30, 60, price=2 * T4)], 30_000),  # the price changed
        ([stretch(0, 3600, price=0)], 0),
        ([stretch(0, 3600, kind=Kind.ASLEEP)], 0),
        ([stretch(0, 86400 * 15, kind=Kind.STORAGE, slug="small", price=5 * MICRO)], 2_500_000),
        ([stretch(0, 86400 * 40, kind=Kind.STORAGE, slug="small", price=5 * MICRO)], 5_000_000),
    ],
)
def test_amounts(stretches: list[Stretch], amount: int) -> None:
    assert total(*stretches) == amount


def test_what_goes_on_counts_until_now() -> None:
    assert total(stretch(0, None), at=7200) == 2 * T4
    assert total(stretch(7200, None), at=0) == 0  # a clock that went back


def test_lines_and_savings() -> None:
    found = statement(
        [
            stretch(0, 600),
            stretch(600, 4200, kind=Kind.ASLEEP),
            stretch(4200, 4230),
            stretch(0, 3600, space="b", slug="cpu-basic", price=0),
        ],
        NOVEMBER,
        NOVEMBER.end,
    )
    assert found.lines == (
        Line("a", "ada/a", Kind.HARDWARE, "t4-small", T4, 630, 110_000),
        Line("b", "ada/b", Kind.HARDWARE, "cpu-basic", 0, 3600, 0),
    )
    assert found.asleep == (Line("a", "ada/a", Kind.ASLEEP, "t4-small", T4, 3600, T4),)
    assert (found.total, found.saved) == (110_000, T4)
    assert found.of_space("b").total == 0 and len(found.of_space("b").lines) == 1


def test_months() -> None:
    assert Month.parse("2026-12").after == Month(2027, 1) and Month(2027, 1).before.number == 12
    assert str(Month.of(datetime(2026, 3, 31, 23, 59, tzinfo=UTC))) == "2026-03"
    for wrong in ("2026", "2026-13", "2026-00", "26-01", "2026-1", "x"):
        with pytest.raises(Invalid):
            Month.parse(wrong)


def test_dollars_and_levels() -> None:
    assert [dollars(each) for each in (0, 1_234_567, 5_000, 10_000)] == [
        "0.00",
        "1.23",
        "0.0050",
        "0.01",
    ]
    limit = 10 * MICRO
    assert [judge(spent, limit) for spent in (0, 8 * MICRO, limit, 11 * MICRO)] == [
        Level.FINE,
        Level.NEAR,
        Level.SPENT,
        Level.SPENT,
    ]
    assert judge(10**12, None) is Level.FINE and judge(0, 0) is Level.SPENT
