"""From stretches of use to what a month cost: pure, in whole micro-dollars (spaces-behaviour 4.6).

Hardware is charged by the minute: all the time that a Space occupied a flavour at one price in the
month is added up to the second, and begun minutes of the sum count whole. Storage is charged for
its share of the month. What was asleep is valued as if it had run, and told as saved.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from spaceport.errors import Invalid
from spaceport.ledger.usage import MICRO, Kind, Stretch

_MONTH = re.compile(r"(\d{4})-(\d{2})")
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, order=True)
class Month:
    """A month in UTC; `str` gives `2026-11`."""

    year: int
    number: int

    def __str__(self) -> str:
        return f"{self.year:04}-{self.number:02}"

    @classmethod
    def of(cls, at: datetime) -> Month:
        at = at.astimezone(UTC)
        return cls(at.year, at.month)

    @classmethod
    def parse(cls, text: str) -> Month:
        """Raises `Invalid` unless it is written as `2026-11`."""
        found = _MONTH.fullmatch(text)
        if found is None or not 1 <= int(found[2]) <= 12 or not 2000 <= int(found[1]) <= 9000:
            raise Invalid(f"{text[:20]!r} is not a month.", hint="Write it as 2026-11.")
        return cls(int(found[1]), int(found[2]))

    @property
    def before(self) -> Month:
        return Month(self.year - 1, 12) if self.number == 1 else Month(self.year, self.number - 1)

    @property
    def after(self) -> Month:
        return Month(self.year + 1, 1) if self.number == 12 else Month(self.year, self.number + 1)

    @property
    def start(self) -> datetime:
        return datetime(self.year, self.number, 1, tzinfo=UTC)

    @property
    def end(self) -> datetime:
        return self.after.start


@dataclass(frozen=True)
class Line:
    """One Space on one flavour or tier at one price; `amount` in micro-dollars."""

    space_key: str
    space_id: str
    kind: Kind
    slug: str
    price: int
    seconds: int
    amount: int

    @property
    def minutes(self) -> int:
        return -(-self.seconds // 60)


@dataclass(frozen=True)
class Statement:
    """What one owner used in a month: `lines` are charged, `asleep` is what sleeping saved."""

    month: Month
    lines: tuple[Line, ...] = ()
    asleep: tuple[Line, ...] = ()
    total: int = field(default=0)
    saved: int = field(default=0)

    def of_space(self, key: str) -> Statement:
        """The same for one Space."""
        return _add_up(
            self.month,
            tuple(line for line in self.lines if line.space_key == key),
            tuple(line for line in self.asleep if line.space_key == key),
        )


def statement(stretches: Iterable[Stretch], month: Month, at: datetime) -> Statement:
    """Of one owner's stretches; those that go on count until `at`."""
    found = [stretch for stretch in stretches if stretch.counts]
    groups: dict[tuple[str, Kind, str, int], list[Stretch]] = {}
    for stretch in found:
        key = (stretch.space_key, stretch.kind, stretch.slug, stretch.price)
        groups.setdefault(key, []).append(stretch)
    lines = [line for own in groups.values() if (line := _line(own, month, at)) is not None]
    lines.sort(key=lambda line: (line.space_id, line.kind, line.slug, line.price))
    return _add_up(
        month,
        tuple(line for line in lines if line.kind is not Kind.ASLEEP),
        tuple(line for line in lines if line.kind is Kind.ASLEEP),
    )


def dollars(micro: int) -> str:
    """`1234567` → `1.23`; what is less than a cent is shown to four places."""
    places = 4 if 0 < abs(micro) < MICRO // 100 else 2
    return f"{micro / MICRO:.{places}f}"


def micro_dollars(price: float) -> int:
    """A catalogue's price, which is in dollars."""
    return round(price * MICRO)


def _add_up(month: Month, lines: tuple[Line, ...], asleep: tuple[Line, ...]) -> Statement:
    total, saved = (sum(line.amount for line in each) for each in (lines, asleep))
    return Statement(month, lines, asleep, total, saved)


def _line(own: list[Stretch], month: Month, at: datetime) -> Line | None:
    """None when nothing of them lies in the month."""
    time = sum((_within(stretch, month, at) for stretch in own), timedelta(0))
    if not time:
        return None
    latest, seconds = own[-1], -(-time // _SECOND)
    if latest.kind is Kind.STORAGE:
        amount = _divide(latest.price * seconds, (month.end - month.start) // _SECOND)
    else:
        amount = _divide(latest.price * -(-seconds // 60), 60)
    return Line(
        latest.space_key,
        latest.space_id,
        latest.kind,
        latest.slug,
        latest.price,
        seconds,
        amount,
    )


def _within(stretch: Stretch, month: Month, at: datetime) -> timedelta:
    until = min(stretch.ended_at or max(at, stretch.started_at), month.end)
    return max(until - max(stretch.started_at, month.start), timedelta(0))


def _divide(amount: int, by: int) -> int:
    """Rounded half up."""
    return (2 * amount + by) // (2 * by)
