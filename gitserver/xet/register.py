"""Registering a shard: the files that it names become LFS objects of the Space.

What decides is the SHA-256 and the length of each file, which the object store checks as it takes
the bytes. Hashes of xorbs are only names within one upload (docs/decisions/0010).
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Protocol

from gitserver.xet.shard import BadShard, Shard, ShardFile, ShardLimits
from gitserver.xet.spool import Spool, Upload
from gitserver.xet.xorb import Xorb, XorbIndex, XorbLimits

OPEN_XORBS = 16


class LargeObjects(Protocol):
    """Where finished files of one Space go; both methods block."""

    def expect(self, objects: Sequence[tuple[str, int]]) -> Collection[str]:
        """Which of these (oid, size) the Space does not hold yet; there is room for them all.

        Raises what says that there is none.
        """
        ...

    def put(self, oid: str, size: int, pieces: Iterable[bytes]) -> None:
        """Store an object, durably, and let the Space hold it.

        Raises `Invalid` for other bytes than `oid` and `size` say, and keeps nothing then.
        """
        ...


@dataclass(frozen=True)
class XetLimits:
    """Limits on what is read."""

    xorb: XorbLimits = field(default_factory=XorbLimits)
    shard: ShardLimits = field(default_factory=ShardLimits)


def register(
    spool: Spool, upload: Upload, file: int, objects: LargeObjects, limits: XetLimits
) -> int:
    """Make every file of a shard an object of the upload's Space; returns how many were not there.

    `file` is a descriptor of the shard, which is taken over. Blocks for as long as all the bytes
    take. The whole shard is checked before the first object is made. It may come twice: what the
    Space holds already is passed over, so a client that lost the answer succeeds without its xorbs.
    Raises `BadShard`, `BadXorb`, and what `objects` raises.
    """
    with Shard(file, limits.shard) as shard, _Xorbs(spool, upload, limits.xorb) as xorbs:
        files = {found.sha256: found for found in shard.files}
        missing = objects.expect([(found.sha256, found.size) for found in files.values()])
        wanted = [found for oid, found in files.items() if oid in missing]
        for found in wanted:
            _check(shard, found, xorbs)
        for found in wanted:
            objects.put(found.sha256, found.size, _content(shard, found, xorbs))
        return len(wanted)


def _check(shard: Shard, file: ShardFile, xorbs: _Xorbs) -> None:
    """Every xorb is there and has the chunks and bytes that the shard says."""
    for segment in shard.segments(file):
        size = xorbs.get(segment.xorb).index.size_of(segment.start, segment.end)
        if size != segment.size:
            raise BadShard(
                f"Chunks {segment.start} to {segment.end} of the xorb {segment.xorb} have {size} "
                f"bytes, and the shard says {segment.size}"
            )


def _content(shard: Shard, file: ShardFile, xorbs: _Xorbs) -> Iterator[bytes]:
    for segment in shard.segments(file):
        yield from xorbs.get(segment.xorb).content(segment.start, segment.end)


class _Xorbs:
    """The xorbs of one upload: every index is read once, a few files are open at a time."""

    def __init__(self, spool: Spool, upload: Upload, limits: XorbLimits) -> None:
        self._spool = spool
        self._upload = upload
        self._limits = limits
        self._indexes: dict[str, XorbIndex] = {}
        self._open: OrderedDict[str, Xorb] = OrderedDict()

    def get(self, name: str) -> Xorb:
        """Raises `BadShard` for one that was not sent in this upload."""
        found = self._open.get(name)
        if found is None:
            found = self._opened(name)
            self._open[name] = found
            if len(self._open) > OPEN_XORBS:
                self._open.popitem(last=False)[1].close()
        self._open.move_to_end(name)
        return found

    def _opened(self, name: str) -> Xorb:
        path = self._spool.xorb(self._upload, name)
        try:
            file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError:
            raise BadShard(
                f"The shard names the xorb {name}, which is not part of this upload",
                hint="Start the upload again; if that does not help, remove the folder 'xet' of "
                "the client's cache.",
            ) from None
        xorb = Xorb(file, self._limits, self._indexes.get(name))
        self._indexes[name] = xorb.index
        return xorb

    def __enter__(self) -> _Xorbs:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for xorb in self._open.values():
            xorb.close()
        self._open.clear()
