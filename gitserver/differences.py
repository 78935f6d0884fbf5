"""Reads what changed between two revisions, within budgets; synchronous, run it on pool "git"."""

from __future__ import annotations

import time
from dataclasses import dataclass

from gitserver.compare import Changed, Side, TooManyChanges, changed_paths
from gitserver.content import Content, TooLarge
from gitserver.diff import MAX_BYTES, FileDiff, file_diff, is_submodule, submodule_text
from gitserver.objects.store import Objects, ObjectTooLarge
from spaceport.names import SpaceKey

MOST_PATHS = 3_000
MOST_BYTES = 16 * 1024 * 1024
"""Of all contents that are compared; the files after that are named only."""


@dataclass(frozen=True)
class Difference:
    """Every path that differs, by name. `complete`: time and bytes sufficed for all of them."""

    files: tuple[FileDiff, ...]
    complete: bool = True

    @property
    def added(self) -> int:
        return sum(file.added for file in self.files)

    @property
    def removed(self) -> int:
        return sum(file.removed for file in self.files)


def difference(content: Content, key: SpaceKey, old: str | None, new: str) -> Difference:
    """From revision `old` (None: from nothing) to `new`. Raises `NotFound`, `TooLarge`."""
    with content.opened(key) as objects:
        trees = (
            (None if old is None else content.tree_of(objects, old)),
            content.tree_of(objects, new),
        )
        try:
            found = changed_paths(objects, *trees, MOST_PATHS)
        except TooManyChanges:
            raise TooLarge(
                f"More than {MOST_PATHS} files differ.", hint="Compare with git: git diff A B"
            ) from None
        return _read(objects, found, time.monotonic() + content.seconds)


def _read(objects: Objects, found: list[Changed], deadline: float) -> Difference:
    files, read = [], 0
    for changed in found:
        sides = (changed.old, changed.new)
        if read > MOST_BYTES or time.monotonic() > deadline:
            files.append(FileDiff(changed, None))
            continue
        old, new = (b"" if side is None else _text(objects, side) for side in sides)
        read += len(old or b"") + len(new or b"")
        files.append(file_diff(changed, old, new))
    return Difference(tuple(files), read <= MOST_BYTES and time.monotonic() <= deadline)


def _text(objects: Objects, side: Side) -> bytes | None:
    if is_submodule(side):
        return submodule_text(side)
    try:
        return objects.read(bytes.fromhex(side.oid), MAX_BYTES)[1]
    except ObjectTooLarge:
        return None
