"""Three texts become one: what each of two sides changed of what they have in common (diff3).

Built on our own bounded diff: two hostile files cost no more here than there.
"""

from __future__ import annotations

from collections.abc import Sequence

from gitserver.diff import lines_of
from gitserver.edits import Edit, edits


def merge_text(base: bytes, ours: bytes, theirs: bytes) -> bytes | None:
    """The text with the changes of both; None where they changed the same or touching lines."""
    old, mine, yours = lines_of(base), lines_of(ours), lines_of(theirs)
    merged: list[bytes] = []
    at = 0
    for left, right in _groups(edits(old, mine), edits(old, yours)):
        start = min(each.old_start for each in (*left, *right))
        end = max(each.old_end for each in (*left, *right))
        one, other = _applied(old, mine, left, start, end), _applied(old, yours, right, start, end)
        if left and right and one != other:
            return None
        merged += old[at:start]
        merged += one if left else other
        at = end
    return b"".join([*merged, *old[at:]])


def _groups(left: list[Edit], right: list[Edit]) -> list[tuple[list[Edit], list[Edit]]]:
    """Edits of both sides that overlap or touch, together; in order."""
    groups: list[tuple[list[Edit], list[Edit]]] = []
    end = -1
    waiting = sorted(
        [(edit, 0) for edit in left] + [(edit, 1) for edit in right],
        key=lambda each: (each[0].old_start, each[0].old_end),
    )
    for edit, side in waiting:
        if not groups or edit.old_start > end:
            groups.append(([], []))
            end = edit.old_end
        groups[-1][side].append(edit)
        end = max(end, edit.old_end)
    return groups


def _applied(
    old: Sequence[bytes], new: Sequence[bytes], changes: list[Edit], start: int, end: int
) -> list[bytes]:
    """What one side has in place of the lines from `start` to `end` of the old text."""
    found: list[bytes] = []
    at = start
    for edit in changes:
        found += old[at : edit.old_start]
        found += new[edit.new_start : edit.new_end]
        at = edit.old_end
    return [*found, *old[at:end]]
