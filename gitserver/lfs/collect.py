"""Removing large objects that nothing needs (LFS, git-server.md 4).

A Space lets go of an object when nothing in its repository names it: no pointer in any object that
the repository still has, reachable or not. An object is removed when no Space holds it. Neither
happens to what was uploaded, or needed by a push, within the last day. Safe beside pushes, uploads
and `kill -9`: the ledger forgets first, and the bytes go only while nobody can begin to hold them.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from pathlib import Path

from gitserver.lfs.batch import is_oid
from gitserver.lfs.objects import LargeObjects
from gitserver.lfs.store import Stored
from gitserver.pack.file import BLOB
from gitserver.pack.store import ObjectStore as GitObjects
from gitserver.pointer import MAX_BYTES, parse_pointer
from gitserver.refs import read_refs
from gitserver.repositories import Repositories
from spaceport.errors import Invalid
from spaceport.failpoints import failpoint
from spaceport.ledger import large, spaces
from spaceport.ledger.columns import now
from spaceport.names import SpaceKey

logger = logging.getLogger(__name__)

DAY = 24 * 3600.0
_SHORTEST = 120  # bytes; no pointer is shorter
_AT_ONCE = 500


@dataclass(frozen=True)
class Collected:
    """Objects that Spaces let go of, and those that are gone with their bytes."""

    released: int = 0
    objects: int = 0
    bytes: int = 0


def collect_objects(
    objects: LargeObjects, repositories: Repositories, *, young_seconds: float = DAY
) -> Collected:
    """Blocks. What is younger than `young_seconds`, and never less than a day, stays."""
    young = max(young_seconds, DAY)
    with objects.ledger.read() as tx:
        keys = spaces.keys(tx)
    released = sum(_release(objects, repositories, key, young) for key in keys)
    failpoint("lfs-gc:released")
    removed = size = 0
    for stored in _unheld(objects, young):
        with objects.ledger.write() as tx:
            if not large.unheld(tx, stored.oid):
                continue
            objects.store.remove(stored.oid)
        failpoint("lfs-gc:removed")
        removed, size = removed + 1, size + stored.size
    objects.store.trim(young)
    return Collected(released, removed, size)


def named_in(repository: Path) -> set[str]:
    """The ids in every pointer that the repository has. Raises what reading it raises."""
    store = GitObjects(repository / "objects")
    try:
        loose = list(store.loose_oids())  # before the packs: what is packed meanwhile is seen
        store.refresh()
        _check(repository, store)
        found: set[str] = set()
        for oid in _ids(store, loose):
            kind, size = store.kind_and_size(oid)
            if kind == BLOB and _SHORTEST <= size <= MAX_BYTES:
                pointer = parse_pointer(store.read(oid)[1])
                if pointer is not None:
                    found.add(pointer.oid)
        return found
    finally:
        store.close()


def _check(repository: Path, store: GitObjects) -> None:
    """Raise unless all packs can be read: what they name would seem to be named nowhere."""
    opened = {pack.path.with_suffix("") for pack in store.packs()}
    closed = {path.with_suffix("") for path in store.folder.glob("pack/*.pack")} - opened
    tips = {bytes.fromhex(oid) for oid in read_refs(repository).ids.values()}
    missing = [tip for tip in tips if tip not in store]
    if closed or missing:
        raise Invalid(f"{len(closed)} packs cannot be read, {len(missing)} refs lead nowhere.")


def _ids(store: GitObjects, loose: list[bytes]) -> Iterator[bytes]:
    yield from loose
    for pack in store.packs():
        for position in range(pack.index.count):
            yield pack.index.oid(position)


def _release(objects: LargeObjects, repositories: Repositories, key: SpaceKey, young: float) -> int:
    """What was needed so long ago and is named nowhere. Nothing, if the repository is not sound."""
    before = now() - timedelta(seconds=young)
    with objects.ledger.read() as tx:
        old = {oid for oid, held in large.held(tx, key).items() if held.needed_at < before}
    if not old:
        return 0
    try:
        unnamed = old - named_in(repositories.path(key))
    except Exception:
        logger.exception("the large objects of the Space %s stay: its repository is unwell", key)
        return 0
    if not unnamed:
        return 0
    with objects.ledger.write() as tx:
        # A push that looked at one of them meanwhile has made it needed again (`needed_at`).
        return large.let_go(tx, key, unnamed, before)


def _unheld(objects: LargeObjects, young: float) -> Iterator[Stored]:
    """Candidates; each is looked at again before it goes."""
    before = time.time() - young
    old = (each for each in objects.store.listed() if each.modified < before and is_oid(each.oid))
    while some := list(islice(old, _AT_ONCE)):
        with objects.ledger.read() as tx:
            known = large.held_anywhere(tx, [each.oid for each in some])
        yield from (each for each in some if each.oid not in known)
