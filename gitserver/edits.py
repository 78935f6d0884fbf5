"""The shortest way from one list of lines to another (Myers 1986, O(ND)), within a bound.

Anybody may push two files that are hostile to a diff; beyond `MOST` edits everything is called
replaced, which is true and takes no time. difflib has no such bound.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

MOST = 1_000


@dataclass(frozen=True)
class Edit:
    """Lines `old_start` up to `old_end` give way to `new_start` up to `new_end`; from 0."""

    old_start: int
    old_end: int
    new_start: int
    new_end: int


def edits(old: Sequence[bytes], new: Sequence[bytes], most: int = MOST) -> list[Edit]:
    """In order, never touching each other; empty for equal lists."""
    start = _common(old, new)
    end = _common(old[start:][::-1], new[start:][::-1])
    before, after = old[start : len(old) - end], new[start : len(new) - end]
    path = _path(before, after, most)
    if path is None:
        return [Edit(start, start + len(before), start, start + len(after))]
    return _joined(path, start)


def _common(one: Sequence[bytes], other: Sequence[bytes]) -> int:
    for at, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return at
    return min(len(one), len(other))


def _path(
    old: Sequence[bytes], new: Sequence[bytes], most: int
) -> list[tuple[int, int, int, int]] | None:
    """Single steps (x, y, next x, next y) that remove or add one line; None beyond `most`."""
    width, height = len(old), len(new)
    furthest = {1: 0}
    trace: list[dict[int, int]] = []
    for count in range(min(most, width + height) + 1):
        trace.append(dict(furthest))
        for diagonal in range(-count, count + 1, 2):
            down = diagonal == -count or (
                diagonal != count and furthest[diagonal - 1] < furthest[diagonal + 1]
            )
            x = furthest[diagonal + 1] if down else furthest[diagonal - 1] + 1
            y = x - diagonal
            while x < width and y < height and old[x] == new[y]:
                x, y = x + 1, y + 1
            furthest[diagonal] = x
            if x >= width and y >= height:
                return _back(trace, width, height)
    return None


def _back(trace: list[dict[int, int]], x: int, y: int) -> list[tuple[int, int, int, int]]:
    steps = []
    for count in range(len(trace) - 1, 0, -1):
        furthest, diagonal = trace[count], x - y
        down = diagonal == -count or (
            diagonal != count and furthest[diagonal - 1] < furthest[diagonal + 1]
        )
        before = diagonal + 1 if down else diagonal - 1
        at = furthest[before]
        steps.append((at, at - before, at if down else at + 1, at - before + (1 if down else 0)))
        x, y = at, at - before
    return steps[::-1]


def _joined(steps: list[tuple[int, int, int, int]], offset: int) -> list[Edit]:
    found: list[Edit] = []
    for x, y, to_x, to_y in steps:
        old, new = x + offset, y + offset
        if found and found[-1].old_end == old and found[-1].new_end == new:
            last = found.pop()
            found.append(Edit(last.old_start, to_x + offset, last.new_start, to_y + offset))
        else:
            found.append(Edit(old, to_x + offset, new, to_y + offset))
    return found
