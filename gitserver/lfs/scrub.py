"""Reading every large object again: what is damaged or lost is found and named (DUR-18)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from gitserver.lfs.batch import is_oid
from gitserver.lfs.objects import LargeObjects
from gitserver.lfs.store import ObjectLost
from spaceport.ledger import large
from spaceport.names import SpaceId


@dataclass(frozen=True)
class Unsound:
    """An object that is not what its name says, or not there, and who holds it."""

    oid: str
    why: str
    holders: tuple[SpaceId, ...]


def scrub(objects: LargeObjects) -> Iterator[Unsound]:
    """Every object that some Space holds, one after the other; blocks for as long as that takes."""
    with objects.ledger.read() as tx:
        held = large.holders(tx)
    for oid in sorted(held):
        why = _wrong(objects, oid)
        if why:
            yield Unsound(oid, why, tuple(sorted(held[oid])))


def _wrong(objects: LargeObjects, oid: str) -> str:
    if not is_oid(oid):
        return "no name of an object"
    try:
        source = objects.store.open(oid)
    except ObjectLost:
        return "lost"
    try:
        found = hashlib.sha256()
        for piece in source.pieces(0, source.size):
            found.update(piece)
    finally:
        source.close()
    return "" if found.hexdigest() == oid else "damaged"
