"""One pack on disk: entry headers, whole objects, raw bytes (gitformat-pack(5)).

Read with `pread`, never mapped: a mapped pack stays in the resident memory of the server.
"""

from __future__ import annotations

import os
import weakref
import zlib
from array import array
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from dulwich.pack import apply_delta

from gitserver.pack.index import PackIndex

COMMIT, TREE, BLOB, TAG, OFS_DELTA, REF_DELTA = 1, 2, 3, 4, 6, 7
KIND_NAMES = {COMMIT: b"commit", TREE: b"tree", BLOB: b"blob", TAG: b"tag"}
KINDS = {name: kind for kind, name in KIND_NAMES.items()}

_FIRST_READ = 4096
_MAX_CHAIN = 10_000


class PackDamaged(Exception):
    """Raised when a pack does not hold what its index says."""


class Entry(NamedTuple):
    """The header of a pack entry. `size` is the inflated size of what follows the header."""

    kind: int
    size: int
    length: int
    """How many bytes the header takes, base reference included."""
    base_offset: int
    """Where the base of an OFS_DELTA starts, else 0."""
    base_oid: bytes
    """The base of a REF_DELTA, else empty."""


class BaseCache:
    """Inflated objects that deltas were applied to lately, bounded in bytes."""

    def __init__(self, limit: int = 24 << 20) -> None:
        self._limit = limit
        self._held = 0
        self._items: OrderedDict[tuple[int, int], tuple[int, bytes]] = OrderedDict()

    def get(self, key: tuple[int, int]) -> tuple[int, bytes] | None:
        found = self._items.get(key)
        if found is not None:
            self._items.move_to_end(key)
        return found

    def put(self, key: tuple[int, int], kind: int, data: bytes) -> None:
        if len(data) > self._limit // 4 or key in self._items:
            return
        self._items[key] = (kind, data)
        self._held += len(data) + 150
        while self._held > self._limit:
            _, (_, old) = self._items.popitem(last=False)
            self._held -= len(old) + 150


class PackFile:
    """An open pack and its index; stays readable after the files are removed."""

    _serial = 0

    def __init__(self, path: Path, cache: BaseCache) -> None:
        """Open `path` (the `.pack`). Raises `OSError` when it, or its index, is gone."""
        self.path = path
        self.index = PackIndex(path.with_suffix(".idx"))
        self.fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self.close = weakref.finalize(self, os.close, self.fd)
        self.size = os.fstat(self.fd).st_size
        self._cache = cache
        self._sorted: array[int] | None = None
        self._by_offset: array[int] | None = None
        PackFile._serial += 1
        self.serial = PackFile._serial

    def entry(self, offset: int) -> Entry:
        """The header of the entry that starts at `offset`."""
        return parse_entry(os.pread(self.fd, 64, offset), offset)

    def read(
        self, offset: int, external: Callable[[bytes], tuple[int, bytes]] | None = None
    ) -> tuple[int, bytes]:
        """Kind and content of the object at `offset`.

        `external` finds bases that are not in this pack (none are, in a sound repository).
        """
        chain: list[tuple[int, bytes]] = []
        kind, data = 0, b""
        while True:
            cached = self._cache.get((self.serial, offset))
            if cached is not None:
                kind, data = cached
                break
            entry, content = self._inflate(offset)
            if entry.kind in KIND_NAMES:
                kind, data = entry.kind, content
                self._cache.put((self.serial, offset), kind, data)
                break
            chain.append((offset, content))
            if len(chain) > _MAX_CHAIN:
                raise PackDamaged(f"{self.path.name}: a delta chain does not end")
            if entry.kind == OFS_DELTA:
                offset = entry.base_offset
                continue
            position = self.index.find(entry.base_oid)
            if position is not None:
                offset = self.index.offset(position)
                continue
            if external is None:
                raise PackDamaged(f"{self.path.name}: base {entry.base_oid.hex()} is missing")
            kind, data = external(entry.base_oid)
            break
        for at, delta in reversed(chain):
            data = b"".join(apply_delta(data, delta))
            self._cache.put((self.serial, at), kind, data)
        return kind, data

    def kind_and_size(self, offset: int) -> tuple[int, int]:
        """Kind and inflated size of an object, without building it."""
        entry = self.entry(offset)
        size = entry.size
        if entry.kind in (OFS_DELTA, REF_DELTA):
            size = self._delta_result(offset, entry)
        for _ in range(_MAX_CHAIN):
            if entry.kind in KIND_NAMES:
                return entry.kind, size
            if entry.kind == OFS_DELTA:
                offset = entry.base_offset
            else:
                position = self.index.find(entry.base_oid)
                if position is None:
                    raise PackDamaged(f"{self.path.name}: base {entry.base_oid.hex()} is missing")
                offset = self.index.offset(position)
            entry = self.entry(offset)
        raise PackDamaged(f"{self.path.name}: a delta chain does not end")

    def end_of(self, offset: int) -> int:
        """Where the entry that starts at `offset` ends."""
        offsets = self.sorted_offsets()
        rank = bisect_right(offsets, offset)
        return offsets[rank] if rank < len(offsets) else self.size - 20

    def end_by_inflating(self, offset: int) -> int:
        """The same, at the price of inflating it; cheaper for a few small entries of many."""
        start = offset + self.entry(offset).length
        inflater, at = zlib.decompressobj(), start
        while not inflater.eof:
            data = os.pread(self.fd, 1 << 16, at)
            if not data:
                raise PackDamaged(f"{self.path.name} is cut short")
            inflater.decompress(data)
            at += len(data)
        return at - len(inflater.unused_data)

    def sorted_offsets(self) -> array[int]:
        """Every entry's offset in the order of the file."""
        if self._sorted is None:
            self._sorted = array("Q", sorted(self.index.offsets()))
        return self._sorted

    def has_sorted_offsets(self) -> bool:
        return self._sorted is not None

    def oid_at(self, offset: int) -> bytes | None:
        """The id of the object that starts at `offset`; builds a table at the first call."""
        if self._by_offset is None:
            offsets = self.index.offsets()
            order = sorted(range(self.index.count), key=offsets.__getitem__)
            self._by_offset = array("L", order)
        sorted_offsets = self.sorted_offsets()
        rank = bisect_right(sorted_offsets, offset) - 1
        if rank < 0 or sorted_offsets[rank] != offset:
            return None
        return self.index.oid(self._by_offset[rank])

    def pread(self, length: int, offset: int) -> bytes:
        """Raw bytes of the file; raises `PackDamaged` when there are fewer."""
        data = os.pread(self.fd, length, offset)
        if len(data) != length:
            raise PackDamaged(f"{self.path.name} is cut short")
        return data

    def _inflate(self, offset: int) -> tuple[Entry, bytes]:
        data = os.pread(self.fd, _FIRST_READ, offset)
        entry = parse_entry(data, offset)
        body = data[entry.length :]
        if entry.size > 3 * _FIRST_READ:
            body = os.pread(self.fd, _bound(entry.size), offset + entry.length)
        try:
            content = zlib.decompress(body, bufsize=entry.size or 1)
        except zlib.error:
            body = os.pread(self.fd, _bound(entry.size), offset + entry.length)
            try:
                content = zlib.decompress(body, bufsize=entry.size or 1)
            except zlib.error as damage:
                raise PackDamaged(f"{self.path.name} at {offset}: {damage}") from damage
        if len(content) != entry.size:
            raise PackDamaged(f"{self.path.name} at {offset}: not of the size it declares")
        return entry, content

    def _delta_result(self, offset: int, entry: Entry) -> int:
        body = os.pread(self.fd, 256, offset + entry.length)
        head = zlib.decompressobj().decompress(body, 32)
        _, at = _delta_number(head, 0)
        return _delta_number(head, at)[0]


def parse_entry(data: bytes, offset: int) -> Entry:
    """Parse the header at the start of `data`, which was read at `offset` of its pack."""
    try:
        byte = data[0]
        kind, size, shift, at = (byte >> 4) & 7, byte & 15, 4, 1
        while byte & 0x80:
            byte = data[at]
            size |= (byte & 0x7F) << shift
            shift += 7
            at += 1
        if kind == OFS_DELTA:
            byte = data[at]
            at += 1
            back = byte & 0x7F
            while byte & 0x80:
                byte = data[at]
                at += 1
                back = ((back + 1) << 7) | (byte & 0x7F)
            if not 0 < back < offset:
                raise PackDamaged(f"entry at {offset}: its base is outside of the pack")
            return Entry(kind, size, at, offset - back, b"")
    except IndexError as cut:
        raise PackDamaged(f"entry at {offset}: cut short") from cut
    if kind == REF_DELTA:
        return Entry(kind, size, at + 20, 0, data[at : at + 20])
    if kind not in KIND_NAMES:
        raise PackDamaged(f"entry at {offset}: unknown kind {kind}")
    return Entry(kind, size, at, 0, b"")


def entry_header(kind: int, size: int, back: int = 0, base: bytes = b"") -> bytes:
    """The header of an entry: `back` bytes to the base of an OFS_DELTA, `base` of a REF_DELTA."""
    byte = (kind << 4) | (size & 15)
    size >>= 4
    out = bytearray()
    while size:
        out.append(byte | 0x80)
        byte = size & 0x7F
        size >>= 7
    out.append(byte)
    if kind == OFS_DELTA:
        out += _ofs(back)
    return bytes(out) + base


def _ofs(back: int) -> bytes:
    out = [back & 0x7F]
    back >>= 7
    while back:
        back -= 1
        out.append(0x80 | (back & 0x7F))
        back >>= 7
    return bytes(reversed(out))


def _bound(size: int) -> int:
    return size + (size >> 10) + 256


def _delta_number(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(data):
            raise PackDamaged("a delta is cut short")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            return value, at
