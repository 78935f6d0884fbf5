"""Lines over time as plain SVG, made here: no library, no script. Pure.

A chart is 600 by 100 and stretched by the page; its words stand beside it, in HTML, and its
`summary` says to a screen reader what the lines show.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

WIDTH, HEIGHT = 600, 100


@dataclass(frozen=True)
class Line:
    """`path` is the line, `area` what is below it; both are the `d` of an SVG path."""

    name: str
    path: str
    area: str


@dataclass(frozen=True)
class Chart:
    title: str
    lines: tuple[Line, ...]
    top: str  # what the upper edge stands for
    latest: str
    summary: str


@dataclass(frozen=True)
class Frame:
    """From when to when, and the seconds of one point."""

    begin: datetime
    end: datetime
    step: int


Values = Sequence[tuple[datetime, float | None]]
"""When a stretch of time began, and its value; None or no entry: not measured."""


def chart(
    title: str, series: dict[str, Values], frame: Frame, text: Callable[[float], str]
) -> Chart | None:
    """None when nothing was measured. `text` says a value in words; scales begin at zero."""
    told = [value for values in series.values() for _, value in values if value is not None]
    if not told:
        return None
    top = rounded(max(told))
    lines = tuple(
        Line(name, *_paths(_runs(values, frame.step), frame, top))
        for name, values in series.items()
    )
    latest = ", ".join(
        f"{name} {text(last)}".strip()
        for name, values in series.items()
        if (last := next((value for _, value in reversed(values) if value is not None), None))
        is not None
    )
    summary = f"{title}: between {text(min(told))} and {text(max(told))}, last {latest}"
    return Chart(title, lines, text(top), latest, summary)


def rounded(most: float) -> float:
    """The upper edge of a scale: the next of 1, 2, 2.5, 5 times a power of ten; 1 for zero."""
    if most <= 0:
        return 1.0
    power = 1.0
    while power > most:
        power /= 10
    while power * 10 < most:
        power *= 10
    return next(power * step for step in (1, 2, 2.5, 5, 10) if power * step >= most)


def _runs(values: Values, step: int) -> Iterable[list[tuple[datetime, float]]]:
    """What was measured without a gap."""
    run: list[tuple[datetime, float]] = []
    for at, value in values:
        if run and (value is None or (at - run[-1][0]).total_seconds() > step * 1.5):
            yield run
            run = []
        if value is not None:
            run.append((at, value))
    if run:
        yield run


def _paths(
    runs: Iterable[list[tuple[datetime, float]]], frame: Frame, top: float
) -> tuple[str, str]:
    """Through the middle of each stretch, from the beginning of the first to the end of the last:
    what was measured once is a short level line."""
    whole = (frame.end - frame.begin).total_seconds()

    def x(at: datetime, more: float) -> str:
        seconds = (at - frame.begin).total_seconds() + more
        return f"{min(max(seconds / whole, 0.0), 1.0) * WIDTH:.1f}"

    def y(value: float) -> str:
        return f"{HEIGHT - value / top * HEIGHT:.1f}"

    lines, areas = [], []
    for run in runs:
        (first, low), (last, high) = run[0], run[-1]
        points = [(x(first, 0), y(low))]
        points += [(x(at, frame.step / 2), y(value)) for at, value in run]
        points += [(x(last, frame.step), y(high))]
        line = "L".join(f"{left} {up}" for left, up in points)
        lines.append(f"M{line}")
        areas.append(f"M{points[0][0]} {HEIGHT}L{line}L{points[-1][0]} {HEIGHT}Z")
    return "".join(lines), "".join(areas)
