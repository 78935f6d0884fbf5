"""Registering a shard: the files that it names become LFS objects of the Space.

What decides is the SHA-256 and the length of each file, which the object store checks as it takes
the bytes. Hashes of xorbs are only names within one upload (docs/decisions/0010).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from gitserver.xet.shard import BadShard, Shard, ShardFile, ShardLimits
from gitserver.xet.spool import Spool, Upload
from gitserver.xet.xorb import Xorb, XorbIndex, XorbLimits
from spaceport.names import SpaceKey

OPEN_XORBS = 16


class LargeObjects(Protocol):
    """Where finished files go; both methods block."""

    def holds(self, space: SpaceKey, oid: str, size: int) -> bool:
        """Whether the object belongs to the Space already."""
        ...

    def put(self, space: SpaceKey, oid: str, size: int, pieces: Iterable[bytes]) -> None:
        """Store and link an object, durably. Raises `Invalid` for other bytes than `oid` and `size`
        say, and keeps nothing then."""
        ...


@dataclass(frozen=True)
class XetLimits:
    """Limits on what is read."""

    xorb: XorbLimits = field(default_factory=XorbLimits)
    shard: ShardLimits = field(default_factory=ShardLimits)


def register(
    spool: Spool, upload: Upload, path: Path, store: LargeObjects, limits: XetLimits
) -> int:
    """Make every file of the shard at `path` an object of the upload's Space; returns how many were
    not there before. Blocks for as long as all the bytes take.

    The whole shard is checked before the first object is made. It may come twice: what the Space
    holds already is passed over, so a client that lost the answer succeeds without its xorbs.
    Raises `BadShard`, `BadXorb`, and what the store raises.
    """
    shard = Shard(path, limits.shard)
    xorbs = _Xorbs(spool, upload, limits.xorb)
    try:
        wanted = {
            (file.sha256, file.size): file
            for file in shard.files
            if not store.holds(upload.space, file.sha256, file.size)
        }
        for file in wanted.values():
            _check(shard, file, xorbs)
        for file in wanted.values():
            store.put(upload.space, file.sha256, file.size, _content(shard, file, xorbs))
        return len(wanted)
    finally:
        xorbs.close()
        shard.close()


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
            xorb = Xorb(path, self._limits, self._indexes.get(name))
        except FileNotFoundError:
            raise BadShard(
                f"The shard names the xorb {name}, which is not part of this upload",
                hint="Start the upload again; if that does not help, remove the folder 'xet' of "
                "the client's cache.",
            ) from None
        self._indexes[name] = xorb.index
        return xorb

    def close(self) -> None:
        for xorb in self._open.values():
            xorb.close()
        self._open.clear()
