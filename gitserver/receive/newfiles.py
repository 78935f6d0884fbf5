"""Which files are new in a push, with the paths by which people know them."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import NamedTuple

from gitserver.objects.entry import BLOB, COMMIT, TREE
from gitserver.objects.store import NoSuchObject, Objects, commit_parents, commit_tree, peel
from gitserver.objects.trees import entries


class NewFile(NamedTuple):
    """A blob that came with a push, at one path in one commit that came with it."""

    path: str
    mode: int
    oid: str
    size: int
    commit: str


def new_files(objects: Objects, new: Collection[bytes], tip: str) -> Iterator[NewFile]:
    """Every new blob that the new commits up to `tip` hold, each once, the latest commit first.

    Trees that are not new hold nothing new and are not entered.
    """
    seen: set[bytes] = set()
    for commit, tree in _new_commits(objects, new, tip):
        waiting = [(b"", tree)]
        while waiting:
            folder, oid = waiting.pop()
            if oid in seen or oid not in new:
                continue
            seen.add(oid)
            for entry in entries(objects.read_as(oid, TREE)):
                path = folder + entry.name
                if entry.is_tree:
                    waiting.append((path + b"/", entry.oid))
                elif not entry.is_submodule and entry.oid in new and entry.oid not in seen:
                    seen.add(entry.oid)
                    kind, size = objects.kind_and_size(entry.oid)
                    if kind == BLOB:
                        name = os.fsdecode(path)
                        yield NewFile(name, entry.mode, entry.oid.hex(), size, commit.hex())


def paths_of(
    objects: Objects, new: Collection[bytes], wanted: Mapping[bytes, int], tips: Iterable[str]
) -> Iterator[tuple[str, int]]:
    """The paths of certain new blobs with their sizes; an id where no path leads to one."""
    left = dict(wanted)
    for tip in tips:
        if not left:
            return
        try:
            for file in new_files(objects, new, tip):
                size = left.pop(bytes.fromhex(file.oid), None)
                if size is not None:
                    yield file.path, size
        except (NoSuchObject, ValueError):
            continue
    for oid, size in left.items():
        yield oid.hex(), size


def _new_commits(
    objects: Objects, new: Collection[bytes], tip: str
) -> Iterator[tuple[bytes, bytes]]:
    start, kind = peel(objects, bytes.fromhex(tip))
    waiting, seen = [start] if kind == COMMIT else [], set()
    while waiting:
        oid = waiting.pop(0)
        if oid in seen or oid not in new:
            continue
        seen.add(oid)
        data = objects.read_as(oid, COMMIT)
        yield oid, commit_tree(data)
        waiting.extend(commit_parents(data))
