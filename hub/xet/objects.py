"""Finished files on their way into the git-lfs objects of a Space."""

from __future__ import annotations

import errno
import shutil
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

    def __init__(
        self, objects: LargeObjects, space: SpaceKey, actor_id: str | None, *, free: int = 0
    ) -> None:
        """`free` bytes stay free on the disk where objects come in."""
        self._objects = objects
        self._space = space
        self._actor_id = actor_id
        self._free = free

    def expect(self, objects: Sequence[tuple[str, int]]) -> Collection[str]:
        """Raises `Invalid` for a file that is too large, `QuotaFull`, and `OSError` (ENOSPC) when
        the disk cannot take them all: a small upload can stand for very large files."""
        most = self._objects.settings.object_bytes
        for _, size in objects:
            if size > most:
                raise Invalid(f"A file has {size} bytes, and a large file has at most {most}")
        missing = [
            (oid, size)
            for oid, size in objects
            if not self._objects.has(self._space, Pointer(oid, size))
        ]
        room = shutil.disk_usage(self._objects.staging.folder).free - self._free
        if sum(size for _, size in missing) > room:
            raise OSError(errno.ENOSPC, "the files of an upload do not fit on the disk")
        with self._objects.ledger.write() as tx:
            quota = self._objects.quota(tx, self._space, self._actor_id)
            until = now() + PROMISE
            for full in large.promise(tx, self._space, missing, quota, until).values():
                raise full  # and with the transaction go the promises for the others
        return {oid for oid, _ in missing}

    def put(self, oid: str, size: int, pieces: Iterable[bytes]) -> None:
        self._objects.put(self._space, self._actor_id, oid, size, pieces)
