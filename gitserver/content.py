"""Reading revisions: for the hub, the hooks and the builder. Synchronous; run it on pool "git".

Symbolic links are text, never followed (GIT-12). Names of files are bytes in git; here they are
`str` by the file system's own rule (`os.fsdecode`), so that any name survives both ways.
"""

from __future__ import annotations

import os
import re
import time
from collections import OrderedDict
from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from enum import StrEnum

from gitserver.history import Commit, parse_commit, walk
from gitserver.last_commits import LastCommits
from gitserver.objects.ancestry import reachable_commits
from gitserver.objects.entry import COMMIT, BadObject
from gitserver.objects.entry import TREE as TREE_KIND
from gitserver.objects.store import (
    NoSuchObject,
    Objects,
    ObjectTooLarge,
    commit_tree,
    peel,
)
from gitserver.objects.trees import Entry, entries
from gitserver.refs import Refs
from gitserver.repositories import Repositories
from spaceport.errors import Invalid, NotFound
from spaceport.names import SpaceKey

_FULL_ID = re.compile(r"[0-9a-f]{40}")
_SHORT_ID = re.compile(r"[0-9a-f]{7,39}")
_REMEMBERED = 16


class TooLarge(Invalid):
    """Raised when a file, a tree or a history exceeds the budget of the caller (GIT-19)."""


class Kind(StrEnum):
    FILE = "file"
    DIRECTORY = "directory"
    SYMLINK = "symlink"
    SUBMODULE = "submodule"


@dataclass(frozen=True)
class TreeEntry:
    """One path of a revision. `mode` as in git; `size` in bytes, 0 for folders and submodules."""

    path: str
    kind: Kind
    mode: int
    oid: str
    size: int


class Content:
    """What repositories contain. `revision` is always a full id that `resolve` gave."""

    def __init__(self, repositories: Repositories) -> None:
        self._repositories = repositories
        self._limits = repositories.settings.read
        self._reachable: OrderedDict[SpaceKey, tuple[frozenset[str], set[bytes]]] = OrderedDict()

    def refs(self, key: SpaceKey) -> dict[str, str]:
        """Every visible ref with its id (of a tag object, where there is one) (GIT-15)."""
        return dict(self._visible(self._repositories.refs(key)))

    def resolve(self, key: SpaceKey, rev: str) -> str:
        """The commit that `rev` names: branch, tag, full ref name, or id of 7 to 40 digits.

        Only what a visible ref reaches is found (GIT-16). Raises `NotFound`.
        """
        refs = self._repositories.refs(key)
        visible = dict(self._visible(refs))
        name = refs.head if rev == "HEAD" else rev
        with self._objects(key) as objects:
            for ref in (name,) if name.startswith("refs/") else _spellings(name):
                if ref in visible:
                    return _as_commit(objects, visible[ref], rev)
            if _FULL_ID.fullmatch(rev) or _SHORT_ID.fullmatch(rev):
                return self._by_id(key, objects, frozenset(visible.values()), rev)
        raise NotFound(f"There is no revision {rev!r} in this Space.")

    def commit(self, key: SpaceKey, revision: str) -> Commit:
        """One commit. Raises `NotFound`."""
        with self._objects(key) as objects:
            return parse_commit(revision, _read_commit(objects, bytes.fromhex(revision)))

    def commits(self, key: SpaceKey, revision: str, skip: int = 0, limit: int = 50) -> list[Commit]:
        """The history of a revision, newest first. Raises `TooLarge` past the time allowed."""
        found: list[Commit] = []
        deadline = time.monotonic() + self._limits.seconds
        with self._objects(key) as objects:
            for number, commit in enumerate(walk(objects, bytes.fromhex(revision))):
                if number >= skip:
                    found.append(commit)
                if len(found) >= limit:
                    break
                _check_deadline(deadline, "This history")
        return found

    def last_commits(
        self, key: SpaceKey, revision: str, paths: Collection[str]
    ) -> dict[str, Commit]:
        """Which commit last changed each path; what the time allowed does not tell is left out."""
        deadline = time.monotonic() + self._limits.seconds
        with self._objects(key) as objects:
            names = {os.fsencode(path.strip("/")) for path in paths}
            found = LastCommits(objects, deadline).find(bytes.fromhex(revision), names)
            return {os.fsdecode(name): commit for name, commit in found.items()}

    def tree(
        self, key: SpaceKey, revision: str, path: str = "", recursive: bool = False
    ) -> list[TreeEntry]:
        """The entries of a folder, with `recursive` all below it; paths are from the root.

        Raises `NotFound` when `path` is no folder, `TooLarge` beyond the budget of GIT-19.
        """
        with self._objects(key) as objects:
            at = _locate(objects, _root(objects, revision), path)
            if not at.is_tree:
                raise NotFound(f"{path!r} is not a folder of this revision.")
            prefix = os.fsencode(path.strip("/"))
            walker = self._walk(objects, at.oid, prefix + b"/" if prefix else b"", recursive)
            return [_describe(objects, name, entry) for name, entry in walker]

    def entry(self, key: SpaceKey, revision: str, path: str) -> TreeEntry:
        """One path. Raises `NotFound`."""
        with self._objects(key) as objects:
            found = _locate(objects, _root(objects, revision), path)
            return _describe(objects, os.fsencode(path.strip("/")), found)

    def read(self, key: SpaceKey, revision: str, path: str, limit: int) -> bytes:
        """The content of a file, or the target of a symbolic link.

        Raises `NotFound` when there is no file, `TooLarge` when it has more than `limit` bytes.
        """
        with self._objects(key) as objects:
            found = _locate(objects, _root(objects, revision), path)
            if found.is_tree or found.is_submodule:
                raise NotFound(f"{path!r} is not a file of this revision.")
            try:
                return objects.read(found.oid, limit)[1]
            except ObjectTooLarge as error:
                raise TooLarge(f"{path} has {error.size} bytes, more than {limit}.") from None

    @property
    def seconds(self) -> float:
        """How long one reading may take (GIT-19)."""
        return self._limits.seconds

    def opened(self, key: SpaceKey) -> AbstractContextManager[Objects]:
        """The objects of a repository, for readings that this class does not know."""
        return self._objects(key)

    def tree_of(self, objects: Objects, revision: str) -> bytes:
        """The id of a revision's root folder. Raises `NotFound`."""
        return _root(objects, revision).oid

    @contextmanager
    def _objects(self, key: SpaceKey) -> Iterator[Objects]:
        folder = self._repositories.path(key) / "objects"
        with Objects(folder) as objects:
            try:
                yield objects
            except NoSuchObject as error:
                if not folder.exists():
                    raise NotFound("This Space has no repository.") from None
                raise NotFound(f"{error} in this Space.".capitalize()) from None

    def _visible(self, refs: Refs) -> Iterator[tuple[str, str]]:
        hidden = self._repositories.settings.hidden
        return ((ref, oid) for ref, oid in refs.ids.items() if not ref.startswith(hidden))

    def _by_id(self, key: SpaceKey, objects: Objects, tips: frozenset[str], rev: str) -> str:
        reachable = self._reachable_commits(key, objects, tips)
        if len(rev) == 40:
            matches = [rev] if bytes.fromhex(rev) in reachable else []
        else:
            matches = [oid.hex() for oid in objects.starting_with(rev) if oid in reachable]
        if len(matches) != 1:
            what = "more than one revision" if matches else "no revision"
            raise NotFound(f"There is {what} {rev!r} in this Space.")
        return matches[0]

    def _reachable_commits(
        self, key: SpaceKey, objects: Objects, tips: frozenset[str]
    ) -> set[bytes]:
        remembered = self._reachable.get(key)
        if remembered is not None and remembered[0] == tips:
            return remembered[1]
        found = reachable_commits(objects, (bytes.fromhex(tip) for tip in tips))
        self._reachable[key] = (tips, found)
        while len(self._reachable) > _REMEMBERED:
            self._reachable.popitem(last=False)
        return found

    def _walk(
        self, objects: Objects, tree: bytes, prefix: bytes, recursive: bool
    ) -> Iterator[tuple[bytes, Entry]]:
        deadline = time.monotonic() + self._limits.seconds
        return walk_tree(objects, tree, prefix, recursive, self._limits.entries, deadline)


def walk_tree(
    objects: Objects, tree: bytes, prefix: bytes, recursive: bool, most: int, deadline: float
) -> Iterator[tuple[bytes, Entry]]:
    """Every entry below a tree with its full path, folders before what they hold.

    Raises `TooLarge` after `most` entries or past `deadline` (monotonic seconds).
    """
    waiting = [(prefix, tree)]
    seen = 0
    while waiting:
        folder, oid = waiting.pop()
        below = []
        for entry in entries(objects.read_as(oid, TREE_KIND)):
            seen += 1
            if seen > most:
                raise TooLarge(f"This revision has more than {most} files and folders.")
            yield folder + entry.name, entry
            if recursive and entry.is_tree:
                below.append((folder + entry.name + b"/", entry.oid))
        _check_deadline(deadline, "This folder")
        waiting.extend(reversed(below))


def _spellings(name: str) -> tuple[str, str]:
    return f"refs/heads/{name}", f"refs/tags/{name}"


def _as_commit(objects: Objects, oid: str, rev: str) -> str:
    found, kind = peel(objects, bytes.fromhex(oid))
    if kind != COMMIT:
        raise NotFound(f"{rev!r} does not lead to a commit.")
    return found.hex()


def _read_commit(objects: Objects, oid: bytes) -> bytes:
    try:
        return objects.read_as(oid, COMMIT)
    except BadObject:
        if oid in objects and objects.kind_and_size(oid)[0] != COMMIT:
            raise NotFound(f"{oid.hex()} is not a revision of this Space.") from None
        raise


def _root(objects: Objects, revision: str) -> Entry:
    tree = commit_tree(_read_commit(objects, bytes.fromhex(revision)))
    return Entry(0o040000, b"", tree)


def _locate(objects: Objects, root: Entry, path: str) -> Entry:
    """The entry at `path`. Links are not followed, `.` and `..` are names that nothing has."""
    here = root
    for name in [part for part in os.fsencode(path.strip("/")).split(b"/") if path.strip("/")]:
        if not here.is_tree:
            raise NotFound(f"There is no {path!r} in this revision.")
        tree = objects.read_as(here.oid, TREE_KIND)
        found = next((entry for entry in entries(tree) if entry.name == name), None)
        if found is None:
            raise NotFound(f"There is no {path!r} in this revision.")
        here = found
    return here


def _describe(objects: Objects, path: bytes, entry: Entry) -> TreeEntry:
    size = 0
    if entry.is_tree:
        kind = Kind.DIRECTORY
    elif entry.is_submodule:
        kind = Kind.SUBMODULE
    else:
        kind = Kind.SYMLINK if entry.is_link else Kind.FILE
        size = objects.kind_and_size(entry.oid)[1]
    return TreeEntry(os.fsdecode(path), kind, entry.mode, entry.oid.hex(), size)


def _check_deadline(deadline: float, what: str) -> None:
    if time.monotonic() > deadline:
        raise TooLarge(f"{what} is too large to be read at once.", hint="Ask for a part of it.")
