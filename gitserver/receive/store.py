"""The moment at which a push counts: compare, move the pack in, set the refs, all durable."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

from config.git import GitSettings
from gitserver.objects.ancestry import has_ancestor
from gitserver.objects.entry import TAG
from gitserver.objects.store import Objects, peel
from gitserver.receive.places import Reasons, Storing
from gitserver.receive.verdict import all_or_none, refuse_state
from gitserver.refs import read_refs, write_refs
from spaceport.failpoints import failpoint


def store_push(
    repository: Path, lock: AbstractContextManager[None], settings: GitSettings, storing: Storing
) -> Reasons:
    """Store in a repository that nobody but us writes, under its `lock` (see `Places.store`).

    Raises `NotFound` or `Unavailable` (see `write_lock`) and `OSError`; then nothing has changed,
    or all of it has.
    """
    updates = storing.request.updates
    with lock:
        failpoint("push:locked")
        refs = read_refs(repository)
        with Objects(repository / "objects", storing.quarantine.folder) as objects:
            reasons = {
                **storing.refused,
                **refuse_state(storing.open_updates, refs, settings, Forward(objects)),
            }
            if storing.request.can("atomic"):
                reasons = all_or_none(updates, reasons)
            accepted = {u.ref: u.new for u in updates if u.ref not in reasons}
            if not accepted:
                return reasons
            if storing.pack:
                storing.quarantine.move_into(repository / "objects", storing.pack)
            write_refs(repository, refs, accepted, Peel(objects))
    failpoint("push:unlocked")
    return reasons


def size_on_disk(objects: Path) -> int:
    """Bytes of the packs in an `objects` folder."""
    return sum(file.stat().st_size for file in (objects / "pack").glob("*.pack"))


def count_packs(objects: Path) -> int:
    """How many packs there are; 0 for a repository that went meanwhile."""
    return sum(1 for _ in (objects / "pack").glob("*.idx"))


class Forward:
    """Answers whether a commit has another in its history."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    def __call__(self, old: str, new: str) -> bool:
        return has_ancestor(self._objects, bytes.fromhex(new), bytes.fromhex(old))


class Peel:
    """What a tag object leads to; None for what is none."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    def __call__(self, oid: str) -> str | None:
        if self._objects.kind_and_size(bytes.fromhex(oid))[0] != TAG:
            return None
        return peel(self._objects, bytes.fromhex(oid))[0].hex()
