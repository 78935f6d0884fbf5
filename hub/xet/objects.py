"""Finished files on their way into the git-lfs objects of a Space."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import timedelta

from gitserver.lfs.objects import LargeObjects
from gitserver.pointer import Pointer
from spaceport.errors import Invalid
from spaceport.ledger import large
from spaceport.ledger.columns import now
from spaceport.names import SpaceKey

PROMISE = timedelta(hours=1)  # room is set aside for so long; an upload is finished sooner


class ObjectsOf:
    """Implements `gitserver.xet.register.LargeObjects` for one Space and who uploads to it."""

    def __init__(self, objects: LargeObjects, space: SpaceKey, actor_id: str | None) -> None:
        self._objects = objects
        self._space = space
        self._actor_id = actor_id

    def expect(self, objects: Sequence[tuple[str, int]]) -> Collection[str]:
        """Raises `Invalid` for a file that is too large, `QuotaFull`."""
        most = self._objects.settings.object_bytes
        for _, size in objects:
            if size > most:
                raise Invalid(f"A file has {size} bytes, and a large file has at most {most}")
        missing = [
            (oid, size)
            for oid, size in objects
            if not self._objects.has(self._space, Pointer(oid, size))
        ]
        with self._objects.ledger.write() as tx:
            quota, until = self._objects.quota, now() + PROMISE
            for full in large.promise(tx, self._space, missing, quota, until).values():
                raise full  # and with the transaction go the promises for the others
        return {oid for oid, _ in missing}

    def put(self, oid: str, size: int, pieces: Iterable[bytes]) -> None:
        self._objects.put(self._space, self._actor_id, oid, size, pieces)
