"""Makes packs by copying: entries keep the compressed bytes and deltas that they have on disk.

An entry is inflated and deflated again only where its delta's base is not in the answer and the
receiver is not known to have it, or where it is a loose object. A delta is kept only when its base
is taken from the same pack file (or is outside of the answer altogether), so that bases mixed from
several packs can never form a circle.
"""

from __future__ import annotations

import hashlib
import os
import zlib
from array import array
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from gitserver.pack.file import (
    KIND_NAMES,
    KINDS,
    OFS_DELTA,
    REF_DELTA,
    Entry,
    PackDamaged,
    PackFile,
    entry_header,
    parse_entry,
)
from gitserver.pack.store import ObjectMissing, ObjectStore

_WINDOW = 1 << 20
_REVERSE_LIMIT = 300_000
_STREAM = 1 << 20


class PackSink:
    """Counts, hashes and passes on the bytes of a pack that is being made."""

    def __init__(self, write: Callable[[bytes], None]) -> None:
        self._write = write
        self._hash = hashlib.sha1(usedforsecurity=False)
        self._pending: list[bytes] = []
        self._held = 0
        self.position = 0

    def put(self, data: bytes) -> None:
        self._pending.append(data)
        self._held += len(data)
        self.position += len(data)
        if self._held >= 1 << 18:
            self.flush()

    def flush(self) -> None:
        if self._pending:
            data = b"".join(self._pending)
            self._pending.clear()
            self._held = 0
            self._hash.update(data)
            self._write(data)

    def skip(self, data: bytes) -> None:
        """Account for bytes that reach the receiver by another way."""
        self._hash.update(data)
        self.position += len(data)

    def finish(self) -> bytes:
        """Give back the trailer, after everything else is written."""
        self.flush()
        return self._hash.digest()


def pack_header(count: int) -> bytes:
    return b"PACK\0\0\0\2" + count.to_bytes(4, "big")


@dataclass
class _Group:
    """The objects that are taken from one pack."""

    pack: PackFile
    offsets: array[int]
    few: bool = False


class PackMaker:
    """Makes one pack from a store.

    `known`: ids that the receiver has (or that are in the answer already); deltas may refer to
    them. `ofs`: whether the receiver understands OFS_DELTA. `record` is told where each object's
    entry starts, in the order of the pack.
    """

    def __init__(
        self,
        store: ObjectStore,
        *,
        known: Callable[[bytes], bool] = lambda oid: False,
        known_oids: Collection[bytes] = (),
        ofs: bool = True,
        tick: Callable[[int], None] = lambda count: None,
        record: Callable[[bytes, int], None] | None = None,
    ) -> None:
        self._store = store
        self._known = known
        self._known_oids = known_oids
        self._ofs = ofs
        self._tick = tick
        self._record = record
        self._written = 0

    def write(self, oids: Iterable[bytes], sink: PackSink) -> int:
        """Write the entries of `oids` (each once; no header, no trailer); gives their number.

        Raises `ObjectMissing` or `PackDamaged`.
        """
        groups, loose = self._sort(oids)
        for group in groups:
            self._copy_group(group, sink)
        for oid in loose:
            self._copy_loose(oid, sink)
        sink.flush()
        return self._written

    def _sort(self, oids: Iterable[bytes]) -> tuple[list[_Group], list[bytes]]:
        found: dict[int, _Group] = {}
        loose: list[bytes] = []
        for oid in oids:
            place = self._store.place(oid)
            if place is None:
                if self._store.loose_file(oid) is None:
                    raise ObjectMissing(oid)
                loose.append(oid)
                continue
            group = found.get(place.pack.serial)
            if group is None:
                group = found[place.pack.serial] = _Group(place.pack, array("Q"))
            group.offsets.append(place.offset)
        for group in found.values():
            group.offsets = array("Q", sorted(group.offsets))
            few = len(group.offsets) * 50 < group.pack.index.count
            group.few = few and not group.pack.has_sorted_offsets()
        return list(found.values()), loose

    def _copy_group(self, group: _Group, sink: PackSink) -> None:
        pack, offsets = group.pack, group.offsets
        placed = array("Q", bytes(8 * len(offsets)))
        known_at = self._known_offsets(pack)
        window, start = b"", 0
        for rank, offset in enumerate(offsets):
            end = pack.end_by_inflating(offset) if group.few else pack.end_of(offset)
            if not start <= offset <= end <= start + len(window):
                start = offset
                window = os.pread(pack.fd, max(64, min(_WINDOW, pack.size - offset)), offset)
            at = offset - start
            entry = parse_entry(window[at : at + 64], offset)
            placed[rank] = sink.position
            if self._record is not None:
                self._record(pack.oid_at(offset) or b"", sink.position)
            header = self._header(group, entry, offset, placed, known_at, sink.position)
            if header is None:
                self._deflate(*pack.read(offset, self._store.read), sink)
            elif end <= start + len(window):
                sink.put(header + window[at + entry.length : end - start])
            else:
                sink.put(header)
                _stream(pack, offset + entry.length, end, sink)
            self._count()

    def _header(
        self,
        group: _Group,
        entry: Entry,
        offset: int,
        placed: array[int],
        known_at: dict[int, bytes],
        position: int,
    ) -> bytes | None:
        """The header under which an entry's bytes may be copied, or None when they may not."""
        if entry.kind in KIND_NAMES:
            return entry_header(entry.kind, entry.size)
        pack = group.pack
        base_oid = entry.base_oid
        if entry.kind == REF_DELTA:
            found = pack.index.find(base_oid)
            base_offset = -1 if found is None else pack.index.offset(found)
        else:
            base_offset = entry.base_offset
        rank = bisect_left(group.offsets, base_offset) if base_offset >= 0 else len(group.offsets)
        if rank < len(group.offsets) and group.offsets[rank] == base_offset:
            if self._ofs and base_offset < offset:
                return entry_header(OFS_DELTA, entry.size, position - placed[rank])
            base_oid = base_oid or pack.oid_at(base_offset) or b""
            return entry_header(REF_DELTA, entry.size, base=base_oid) if base_oid else None
        if not base_oid:
            base_oid = known_at.get(base_offset, b"")
            if not base_oid and not known_at and pack.index.count <= _REVERSE_LIMIT:
                base_oid = pack.oid_at(base_offset) or b""
        if base_oid and (base_oid in self._known_oids or self._known(base_oid)):
            return entry_header(REF_DELTA, entry.size, base=base_oid)
        return None

    def _known_offsets(self, pack: PackFile) -> dict[int, bytes]:
        """Where in `pack` the objects are that the receiver has."""
        found = {}
        for oid in self._known_oids:
            position = pack.index.find(oid)
            if position is not None:
                found[pack.index.offset(position)] = oid
        return found

    def _copy_loose(self, oid: bytes, sink: PackSink) -> None:
        path = self._store.loose_file(oid)
        if self._record is not None:
            self._record(oid, sink.position)
        if path is None or path.stat().st_size < _STREAM // 4:  # None: packed meanwhile
            self._deflate(*self._store.read(oid), sink)
        else:
            _stream_loose(path, sink)
        self._count()

    def _deflate(self, kind: int, data: bytes, sink: PackSink) -> None:
        sink.put(entry_header(kind, len(data)))
        sink.put(zlib.compress(data, 6 if len(data) < _STREAM else 1))

    def _count(self) -> None:
        self._written += 1
        if self._written % 1000 == 0:
            self._tick(self._written)


def _stream(pack: PackFile, at: int, end: int, sink: PackSink) -> None:
    """Copy a large entry's compressed bytes without holding them."""
    while at < end:
        data = pack.pread(min(_WINDOW, end - at), at)
        sink.put(data)
        at += len(data)


def _stream_loose(path: Path, sink: PackSink) -> None:
    """Deflate a large loose object again, its own header left out, without holding it."""
    with path.open("rb") as file:
        inflater, deflater = zlib.decompressobj(), zlib.compressobj(1)
        first = inflater.decompress(file.read(_STREAM), 4096)
        header, nul, rest = first.partition(b"\0")
        name, _, size = header.partition(b" ")
        if not nul or name not in KINDS or not size.isdigit():
            raise PackDamaged(f"loose object {path.parent.name}{path.name} is damaged")
        sink.put(entry_header(KINDS[name], int(size)))
        sink.put(deflater.compress(rest))
        while not inflater.eof:
            data = inflater.unconsumed_tail or file.read(_STREAM)
            if not data:
                raise PackDamaged(f"loose object {path.parent.name}{path.name} is cut short")
            sink.put(deflater.compress(inflater.decompress(data, _STREAM)))
        sink.put(deflater.flush())
