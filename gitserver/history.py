"""Commits as people see them, and the walk through their ancestors."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass

from dulwich.objects import Commit as GitCommit

from gitserver.building import Signature
from gitserver.objects.entry import COMMIT, BadObject
from gitserver.objects.store import Objects


@dataclass(frozen=True)
class Commit:
    """A commit. Text that is no UTF-8 has replacement characters."""

    oid: str
    tree: str
    parents: tuple[str, ...]
    author: Signature
    committer: Signature
    message: str

    @property
    def title(self) -> str:
        return self.message.partition("\n")[0].strip()

    @property
    def body(self) -> str:
        return self.message.partition("\n")[2].strip("\n")


def parse_commit(oid: str, data: bytes) -> Commit:
    """Raises `BadObject` for what is no commit."""
    try:
        commit = GitCommit.from_string(data)
        return Commit(
            oid=oid,
            tree=commit.tree.decode(),
            parents=tuple(parent.decode() for parent in commit.parents),
            author=_signature(commit.author, commit.author_time, commit.author_timezone),
            committer=_signature(commit.committer, commit.commit_time, commit.commit_timezone),
            message=commit.message.decode("utf-8", "replace"),
        )
    except (ValueError, AttributeError, TypeError, KeyError) as error:
        raise BadObject(f"commit {oid} cannot be read: {error}") from None


def walk(objects: Objects, start: bytes) -> Iterator[Commit]:
    """`start` and its ancestors, each once, the latest committed first, children before parents
    as far as the commits' own dates tell."""
    seen = {start}
    first = _load(objects, start)
    waiting = [(-first.committer.seconds(), 0, first)]
    count = 0
    while waiting:
        _, _, commit = heapq.heappop(waiting)
        yield commit
        for name in commit.parents:
            parent = bytes.fromhex(name)
            if parent not in seen:
                seen.add(parent)
                count += 1
                older = _load(objects, parent)
                heapq.heappush(waiting, (-older.committer.seconds(), count, older))


def _load(objects: Objects, oid: bytes) -> Commit:
    return parse_commit(oid.hex(), objects.read_as(oid, COMMIT))


def _signature(line: bytes, at: int, zone: int) -> Signature:
    name, _, rest = line.decode("utf-8", "replace").partition("<")
    return Signature(name.strip(), rest.partition(">")[0].strip(), at, zone // 60)
