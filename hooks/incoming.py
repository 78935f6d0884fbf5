"""What a push brings, read without visiting anything that was there before."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from gitserver.objects.entry import BLOB, COMMIT, TREE
from gitserver.objects.store import commit_parents, commit_tree, tag_target
from gitserver.objects.trees import Entry, entries

MOST_ENTRIES = 200_000
NO_LIMIT = 1 << 62


class Readable(Protocol):
    """Objects by id: of a quarantine with its repository behind it, or of a repository alone."""

    def __contains__(self, oid: bytes, /) -> bool: ...
    def kind_and_size(self, oid: bytes, /) -> tuple[int, int]: ...
    def read(self, oid: bytes, /, limit: int = NO_LIMIT) -> tuple[int, bytes]: ...


@dataclass(frozen=True)
class NewFile:
    """A file whose content the repository did not have. `path` as the commit names it."""

    path: str
    oid: bytes
    size: int
    commit: str
    link: bool = False


@dataclass(frozen=True)
class NewFolder:
    """A folder that the repository did not have in this form, with all names in it."""

    path: str
    names: tuple[str, ...]


@dataclass(frozen=True)
class Brought:
    """Everything new. `complete` is false when there was too much to look at all of it."""

    files: tuple[NewFile, ...] = ()
    folders: tuple[NewFolder, ...] = ()
    complete: bool = True


def brought(objects: Readable, known: Readable, tips: Iterable[str]) -> Brought:
    """What the tips reach and `known` lacks, in new commits first to last met.

    Known commits, trees and blobs are not entered: the cost is that of what is new.
    """
    return _Walk(objects, known).run(tips)


class _Walk:
    def __init__(self, objects: Readable, known: Readable) -> None:
        self._objects = objects
        self._known = known
        self._seen: set[bytes] = set()
        self._files: list[NewFile] = []
        self._folders: list[NewFolder] = []
        self._entries = 0

    def run(self, tips: Iterable[str]) -> Brought:
        waiting = [bytes.fromhex(tip) for tip in tips]
        while waiting and self._entries < MOST_ENTRIES:
            oid = waiting.pop()
            if not self._is_new(oid):
                continue
            kind, _ = self._objects.kind_and_size(oid)
            if kind == COMMIT:
                data = self._objects.read(oid)[1]
                waiting.extend(commit_parents(data))
                self._tree(oid.hex(), commit_tree(data))
            elif kind == TREE:
                self._tree(oid.hex(), oid)
            elif kind != BLOB:
                waiting.append(tag_target(self._objects.read(oid)[1])[0])
        return Brought(tuple(self._files), tuple(self._folders), self._entries < MOST_ENTRIES)

    def _tree(self, commit: str, root: bytes) -> None:
        waiting = [(b"", root)]
        while waiting and self._entries < MOST_ENTRIES:
            prefix, oid = waiting.pop()
            if not self._is_new(oid):
                continue
            found = list(entries(self._objects.read(oid)[1]))
            self._entries += len(found)
            names = tuple(os.fsdecode(entry.name) for entry in found)
            self._folders.append(NewFolder(os.fsdecode(prefix.rstrip(b"/")), names))
            for entry in found:
                if entry.is_tree:
                    waiting.append((prefix + entry.name + b"/", entry.oid))
                elif not entry.is_submodule:
                    self._file(commit, prefix, entry)

    def _file(self, commit: str, prefix: bytes, entry: Entry) -> None:
        if self._is_new(entry.oid):
            path = os.fsdecode(prefix + entry.name)
            size = self._objects.kind_and_size(entry.oid)[1]
            self._files.append(NewFile(path, entry.oid, size, commit, entry.is_link))

    def _is_new(self, oid: bytes) -> bool:
        if oid in self._seen:
            return False
        self._seen.add(oid)
        return oid not in self._known


def root_entries(objects: Readable, revision: str) -> dict[str, Entry]:
    """The top folder of a commit, by name."""
    tree = commit_tree(objects.read(bytes.fromhex(revision))[1])
    return {os.fsdecode(entry.name): entry for entry in entries(objects.read(tree)[1])}


def entry_at(objects: Readable, revision: str, path: str) -> Entry | None:
    """What a commit has at `path`, or None. Links are not followed."""
    level = root_entries(objects, revision)
    *folders, name = path.split("/")
    for folder in folders:
        entry = level.get(folder)
        if entry is None or not entry.is_tree:
            return None
        found = entries(objects.read(entry.oid)[1])
        level = {os.fsdecode(inner.name): inner for inner in found}
    return level.get(name)
