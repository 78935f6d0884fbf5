"""The moment at which a push counts: compare, move the pack in, set the refs, all durable."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gitserver.content import reachable_commits
from gitserver.objects.entry import TAG
from gitserver.objects.store import Objects, peel
from gitserver.receive.quarantine import Quarantine
from gitserver.receive.verdict import Reasons, all_or_none, refuse_state
from gitserver.refs import read_refs, write_refs
from gitserver.repositories import Repositories
from spaceport.failpoints import failpoint
from spaceport.names import SpaceKey
from spaceport.push import RefUpdate


def store_push(
    repositories: Repositories,
    key: SpaceKey,
    updates: Sequence[RefUpdate],
    refused: Reasons,
    atomic: bool,
    quarantine: Quarantine,
    pack: str,
) -> Reasons:
    """Store what is not refused; gives the reasons for all that was not stored.

    When this returns, every ref without a reason is on stable storage with its objects. Raises
    `NotFound` or `Unavailable` (see `write_lock`) and `OSError`; then nothing has changed, or all
    of it has.
    """
    repository = repositories.path(key)
    with repositories.lock(key):
        failpoint("push:locked")
        refs = read_refs(repository)
        open_updates = [update for update in updates if update.ref not in refused]
        with Objects(repository / "objects", quarantine.folder) as objects:
            reasons = {
                **refused,
                **refuse_state(open_updates, refs, repositories.settings, _Forward(objects)),
            }
            if atomic:
                reasons = all_or_none(updates, reasons)
            accepted = {u.ref: u.new for u in updates if u.ref not in reasons}
            if not accepted:
                return reasons
            if pack:
                quarantine.move_into(repository / "objects", pack)
            write_refs(repository, refs, accepted, _Peel(objects))
    failpoint("push:unlocked")
    return reasons


def size_on_disk(objects: Path) -> int:
    """Bytes of the packs in an `objects` folder."""
    return sum(file.stat().st_size for file in (objects / "pack").glob("*.pack"))


def count_packs(objects: Path) -> int:
    """How many packs there are; 0 for a repository that went meanwhile."""
    return sum(1 for _ in (objects / "pack").glob("*.idx"))


class _Forward:
    """Answers whether a commit has another in its history."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    def __call__(self, old: str, new: str) -> bool:
        return bytes.fromhex(old) in reachable_commits(self._objects, [bytes.fromhex(new)])


class _Peel:
    """What a tag object leads to; None for what is none."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    def __call__(self, oid: str) -> str | None:
        if self._objects.kind_and_size(bytes.fromhex(oid))[0] != TAG:
            return None
        return peel(self._objects, bytes.fromhex(oid))[0].hex()
