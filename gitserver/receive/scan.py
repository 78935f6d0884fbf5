"""Reading a hostile pack: every size is checked as declared before, and as found while inflating.

Runs in the child process. What is refused raises `PackRefused` with a reason for the pusher.
"""

from __future__ import annotations

import hashlib
import mmap
import zlib
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from gitserver.objects.entry import (
    BLOB,
    MAX_HEADER,
    NAMES,
    OFS_DELTA,
    BadObject,
    Header,
    apply_delta,
    delta_sizes,
    parse_header,
)
from gitserver.objects.index import Row
from gitserver.objects.store import object_id
from gitserver.receive.job import Job

_SMALL = 1 << 20
_PIECE = 1 << 18

OnObject = Callable[[bytes, int, bytes], None]
"""Told of every commit, tree and tag, whole: id, kind, content."""


class PackRefused(Exception):
    """Raised for a pack that is damaged, or larger in some way than is allowed."""


@dataclass
class Found:
    """The objects of a pack, by number of entry."""

    offsets: array[int] = field(default_factory=lambda: array("Q"))
    crcs: array[int] = field(default_factory=lambda: array("I"))
    oids: list[bytes] = field(default_factory=list)  # empty until a delta is resolved
    kinds: dict[bytes, int] = field(default_factory=dict)
    too_large: dict[bytes, int] = field(default_factory=dict)

    def rows(self) -> Iterator[Row]:
        return (
            Row(oid, crc, offset)
            for oid, crc, offset in zip(self.oids, self.crcs, self.offsets, strict=True)
        )


class Scanner:
    """One pass over the entries, then one over the deltas."""

    def __init__(self, pack: mmap.mmap, job: Job, on_object: OnObject) -> None:
        self._view = memoryview(pack)
        self._end = len(pack) - 20
        self._job = job
        self._on_object = on_object
        self._inflated = 0
        self._kept = 0
        self._deltas: dict[int, bytes] = {}  # inflated deltas, while there is room
        self._numbers: dict[int, int] = {}  # of the entry at an offset
        self._on_offset: dict[int, list[int]] = {}  # deltas that wait for a base
        self._on_oid: dict[bytes, list[int]] = {}
        self.found = Found()

    def release(self) -> None:
        """Let go of the mapped file, so that it can be closed."""
        self._view.release()

    def scan(self) -> None:
        """Read every entry once; deltas are remembered for `resolve`."""
        count = self._count()
        at = 12
        for number in range(count):
            at = self._entry(number, at)
        if at != self._end:
            raise PackRefused("the pack has bytes behind its last object")

    def resolve(self, external: Callable[[bytes], tuple[int, bytes] | None]) -> list[bytes]:
        """Apply all deltas. Gives the bases that are not in the pack, which `external` gave."""
        for offset in sorted(self._on_offset):
            self._start_at(offset)
        for number, oid in enumerate(self.found.oids):
            if oid and oid in self._on_oid:  # bases that are named by id only
                kind, data = self._again(self.found.offsets[number])
                self._descend(kind, data, self._on_oid.pop(oid))
        borrowed = []
        for base in list(self._on_oid):
            if base in self._on_oid and (lent := external(base)) is not None:
                borrowed.append(base)
                self._descend(*lent, self._on_oid.pop(base))
        if self._on_oid or self._on_offset:
            raise PackRefused("the pack has deltas whose base is nowhere")
        return [base for base in borrowed if base not in self.found.kinds]

    def _count(self) -> int:
        head = bytes(self._view[:12])
        if self._end < 12 or head[:4] != b"PACK":
            raise PackRefused("this is not a pack")
        version, count = int.from_bytes(head[4:8], "big"), int.from_bytes(head[8:], "big")
        if version != 2:
            raise PackRefused(f"packs of version {version} are not taken")
        if count > self._job.max_objects:
            raise PackRefused(
                f"the pack has {count} objects, more than the {self._job.max_objects} allowed"
            )
        return count

    def _entry(self, number: int, at: int) -> int:
        header = parse_header(bytes(self._view[at : min(at + MAX_HEADER, self._end)]))
        start = at + header.length
        self._check_declared(header, start)
        self.found.offsets.append(at)
        self._numbers[at] = number
        if header.kind in NAMES:
            oid, end = self._whole(header, start)
            self._name(oid, header.kind)
            self.found.oids.append(oid)
        else:
            end = self._delta(number, at, header, start)
            self.found.oids.append(b"")
        self.found.crcs.append(zlib.crc32(self._view[at:end]))
        return end

    def _check_declared(self, header: Header, start: int) -> None:
        left = self._end - start
        if header.size > _SMALL and header.size > self._job.max_ratio * left:
            raise PackRefused(
                f"an object declares {header.size} bytes, which cannot come of {left}"
            )
        if header.kind != BLOB and header.kind in NAMES and header.size > self._job.max_metadata:
            raise PackRefused(
                f"a {NAMES[header.kind]} declares {header.size} bytes, "
                f"more than the {self._job.max_metadata} allowed"
            )
        # An honest large file is read on, without keeping it, so that the refusal can name it.
        nameable = header.kind == BLOB and header.size <= 4 * left
        if header.size > self._job.max_object and not nameable:
            raise PackRefused(
                f"an object declares {header.size} bytes, more than the {self._job.max_object} "
                "allowed; keep large files in git-lfs"
            )
        self._account(header.size)

    def _account(self, size: int) -> None:
        self._inflated += size
        if self._inflated > self._job.max_inflated:
            raise PackRefused(
                f"the objects have more than {self._job.max_inflated} bytes when inflated"
            )

    def _whole(self, header: Header, start: int) -> tuple[bytes, int]:
        if header.kind == BLOB and header.size > _SMALL:
            oid, end = self._hash_large(header, start)
            if header.size > self._job.max_object:
                self.found.too_large[oid] = header.size
            return oid, end
        data, end = self._inflate(header.size, start)
        oid = object_id(header.kind, data)
        if header.kind != BLOB:
            self._on_object(oid, header.kind, data)
        return oid, end

    def _delta(self, number: int, at: int, header: Header, start: int) -> int:
        delta, end = self._inflate(header.size, start)
        source, target, _ = delta_sizes(delta)
        self._check_target(len(delta), source, target)
        if header.kind == OFS_DELTA:
            base = at - header.distance
            if base not in self._numbers:
                raise PackRefused("a delta's base is not the start of an object")
            self._on_offset.setdefault(base, []).append(number)
        else:
            self._on_oid.setdefault(header.base, []).append(number)
        if self._kept + len(delta) <= self._job.keep:
            self._kept += len(delta)
            self._deltas[number] = delta
        return end

    def _check_target(self, delta: int, source: int, target: int) -> None:
        if max(source, target) > self._job.max_object:
            raise PackRefused(
                f"a delta declares {max(source, target)} bytes, more than the "
                f"{self._job.max_object} allowed; keep large files in git-lfs"
            )
        if target > _SMALL and target > self._job.max_ratio * delta + 16 * source:
            raise PackRefused(f"a delta of {delta} bytes declares a target of {target}")
        self._account(target)

    def _inflate(self, size: int, start: int) -> tuple[bytes, int]:
        """Data of exactly `size` bytes, and where the entry ends."""
        engine = zlib.decompressobj()
        at = min(start + size + (size >> 8) + 64, self._end)
        try:
            data = engine.decompress(self._view[start:at], size + 1)
            while not engine.eof and len(data) <= size:
                source = engine.unconsumed_tail or bytes(self._view[at : at + _PIECE])
                if not engine.unconsumed_tail:
                    at = min(at + len(source), self._end)
                more = engine.decompress(source, size + 1 - len(data))
                data += more
                if not source and not more:
                    raise PackRefused("the pack ends inside an object")
        except zlib.error as error:
            raise PackRefused(f"an object's data is damaged ({error})") from None
        if len(data) != size or not engine.eof:
            raise PackRefused("an object does not have the size that it declares")
        end = at - len(engine.unused_data)
        self._check_ratio(size, end - start)
        return data, end

    def _hash_large(self, header: Header, start: int) -> tuple[bytes, int]:
        """The id of a large blob, without holding it, and where its entry ends."""
        engine, at, have = zlib.decompressobj(), start, 0
        hashed = hashlib.sha1(b"blob %d\0" % header.size, usedforsecurity=False)
        source = b""
        try:
            while not engine.eof:
                if not source:
                    source = bytes(self._view[at : min(at + _PIECE, self._end)])
                    at += len(source)
                piece = engine.decompress(source, _SMALL)
                have += len(piece)
                if have > header.size:
                    break
                hashed.update(piece)
                if not source and not piece:
                    raise PackRefused("the pack ends inside an object")
                source = engine.unconsumed_tail
                self._check_ratio(have, at - len(source) - start)
        except zlib.error as error:
            raise PackRefused(f"an object's data is damaged ({error})") from None
        if have != header.size:
            raise PackRefused("an object does not have the size that it declares")
        return hashed.digest(), at - len(engine.unused_data)

    def _check_ratio(self, inflated: int, compressed: int) -> None:
        if inflated > _SMALL and inflated > self._job.max_ratio * compressed:
            raise PackRefused(f"an object inflates more than {self._job.max_ratio} times")

    def _name(self, oid: bytes, kind: int) -> None:
        if oid in self.found.kinds:
            raise PackRefused(f"object {oid.hex()} is in the pack twice")
        self.found.kinds[oid] = kind

    def _start_at(self, offset: int) -> None:
        """Resolve what hangs on the entry at `offset`, unless that is a delta itself."""
        number = self._numbers[offset]
        oid = self.found.oids[number]
        if oid and offset in self._on_offset:
            kind, data = self._again(offset)
            self._descend(kind, data, self._waiting(offset, oid))

    def _again(self, offset: int) -> tuple[int, bytes]:
        """Inflate an entry that is no delta once more."""
        header = parse_header(bytes(self._view[offset : offset + MAX_HEADER]))
        data, _ = self._inflate(header.size, offset + header.length)
        return header.kind, data

    def _waiting(self, offset: int, oid: bytes) -> list[int]:
        return self._on_offset.pop(offset, []) + self._on_oid.pop(oid, [])

    def _descend(self, kind: int, data: bytes, numbers: list[int]) -> None:
        """Apply all deltas on `data`, and those on their results, without recursion.

        A base is let go of as soon as its last delta is taken from the list.
        """
        stack = [(data, numbers, 1)]
        while stack:
            base, waiting, depth = stack[-1]
            number = waiting.pop()
            if not waiting:
                stack.pop()
            if depth > self._job.max_depth:
                raise PackRefused(f"a chain of more than {self._job.max_depth} deltas")
            target, offset = self._apply(base, number)
            del base
            oid = object_id(kind, target)
            self._name(oid, kind)
            self.found.oids[number] = oid
            if kind != BLOB:
                if len(target) > self._job.max_metadata:
                    raise PackRefused(f"a {NAMES[kind]} has {len(target)} bytes, too many")
                self._on_object(oid, kind, target)
            below = self._waiting(offset, oid)
            if below:
                stack.append((target, below, depth + 1))

    def _apply(self, base: bytes, number: int) -> tuple[bytes, int]:
        offset = self.found.offsets[number]
        delta = self._deltas.pop(number, None)
        if delta is None:
            header = parse_header(bytes(self._view[offset : offset + MAX_HEADER]))
            delta, _ = self._inflate(header.size, offset + header.length)
        try:
            return apply_delta(base, delta), offset
        except BadObject as error:
            raise PackRefused(str(error)) from None
