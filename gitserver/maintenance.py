"""Joining the small packs of many pushes, so that a repository has about log2 of them (GIT-36).

Entries are copied byte for byte; only the distances of deltas are written anew. No object is ever
dropped but for second copies, so that nothing here can lose what a push, a ref or a reader needs.
Runs in a child process (`python -c ... main`), beside pushes and readers: the joined pack is in
place, durably, before the old ones go, and whoever has those open reads on.
"""

from __future__ import annotations

import hashlib
import json
import os
import resource
import sys
import time
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from gitserver.durable import sync_folder
from gitserver.locks import hold_folder
from gitserver.objects.entry import MAX_HEADER, OFS_DELTA, parse_header
from gitserver.objects.index import Row, write_index
from gitserver.pack.index import PackIndex
from gitserver.receive.quarantine import Quarantine, open_quarantine
from spaceport.failpoints import failpoint

_ORPHAN_SECONDS = 7200
FACTOR = 2
"""Each pack that stays is at least so many times as large as all smaller ones together."""


def packs_to_join(sizes: Sequence[int]) -> int:
    """How many of the smallest packs to make one of; `sizes` in bytes, ascending.

    Joining them leaves sizes that grow geometrically. 0 or 1 means that nothing is to be done.
    """
    together, join = 0, 0
    for number, size in enumerate(sizes, 1):
        if number > 1 and size < FACTOR * together:
            join = number
        together += size
    return join


def join_packs(objects: Path, incoming: Path, key: str) -> int:
    """Join what `packs_to_join` says; the number of packs that went. One at a time."""
    mark = hold_folder(objects / "pack")
    if mark is None:
        return 0
    try:
        _remove_orphans(objects / "pack")
        packs = sorted(filter(_may_go, (objects / "pack").glob("*.idx")), key=_size)
        chosen = packs[: packs_to_join([_size(path) for path in packs])]
        if len(chosen) < 2:
            return 0
        quarantine = open_quarantine(incoming, key)
        try:
            name = _copy(chosen, quarantine)
            quarantine.move_into(objects, name)
        finally:
            quarantine.discard()
        failpoint("join:after-move")
        gone = [path for path in chosen if path.stem != name]
        for path in gone:
            path.unlink()  # first, so that nobody finds an index without its pack
            path.with_suffix(".pack").unlink()
            failpoint("join:after-unlink")
        sync_folder(objects / "pack")
        return len(gone)
    finally:
        os.close(mark)


def _remove_orphans(folder: Path) -> None:
    """Packs without an index, which a crash left between the two steps of a move or a removal."""
    for pack in folder.glob("*.pack"):
        old = pack.stat().st_mtime < time.time() - _ORPHAN_SECONDS
        if old and not pack.with_suffix(".idx").exists():
            pack.unlink()


def _may_go(index: Path) -> bool:
    """Not a pack that must stay, nor one of what nothing reaches, which has ages (`upkeep`)."""
    return not any(index.with_suffix(mark).exists() for mark in (".keep", ".promisor", ".mtimes"))


def _size(index: Path) -> int:
    return index.with_suffix(".pack").stat().st_size


def _copy(packs: Sequence[Path], quarantine: Quarantine) -> str:
    """Write the joined pack and its index into the quarantine, durably; gives its name."""
    with quarantine.pack.open("w+b") as out:
        rows = _write(packs, out.fileno())
        checksum = _seal(out.fileno(), len(rows))
    name = f"pack-{checksum.hex()}"
    quarantine.pack.rename(quarantine.folder / "pack" / f"{name}.pack")
    with (quarantine.folder / "pack" / f"{name}.idx").open("xb") as index:
        write_index(index, sorted(rows), checksum)
        index.flush()
        os.fsync(index.fileno())
    return name


def _write(packs: Sequence[Path], out: int) -> list[Row]:
    """Copy every object once, the first copy of each.

    A delta's base is in the delta's own pack or was copied before from an earlier one, and a base
    by distance stands before it; so every base by distance is written when its delta comes.
    """
    os.write(out, bytes(12))
    at = 12
    rows: list[Row] = []
    placed: dict[bytes, int] = {}
    for path in packs:
        index = PackIndex(path)
        source = os.open(path.with_suffix(".pack"), os.O_RDONLY | os.O_CLOEXEC)
        try:
            names = {index.offset(n): index.oid(n) for n in range(index.count)}
            for offset, length in _entries(sorted(names), os.fstat(source).st_size - 20):
                oid = names[offset]
                if oid in placed:
                    continue
                data = os.pread(source, length, offset)
                header = parse_header(data[:MAX_HEADER])
                if header.kind == OFS_DELTA:
                    base = placed[names[offset - header.distance]]
                    start = _header_start(data) + encode_distance(at - base)
                    data = start + data[header.length :]
                _write_all(out, data)
                rows.append(Row(oid, zlib.crc32(data), at))
                placed[oid] = at
                at += len(data)
        finally:
            os.close(source)
            index.close()
    return rows


def _entries(offsets: Sequence[int], end: int) -> Iterator[tuple[int, int]]:
    for number, offset in enumerate(offsets):
        following = offsets[number + 1] if number + 1 < len(offsets) else end
        yield offset, following - offset


def _header_start(data: bytes) -> bytes:
    """The type and size of an entry, without what names its base."""
    at = 0
    while data[at] & 0x80:
        at += 1
    return data[: at + 1]


def encode_distance(back: int) -> bytes:
    """How an entry writes the way back to its base (gitformat-pack(5), "offset encoding")."""
    out = [back & 0x7F]
    while back := back >> 7:
        back -= 1
        out.append(0x80 | (back & 0x7F))
    return bytes(reversed(out))


def _seal(out: int, count: int) -> bytes:
    os.pwrite(out, b"PACK" + (2).to_bytes(4, "big") + count.to_bytes(4, "big"), 0)
    hashed, at = hashlib.sha1(usedforsecurity=False), 0
    while piece := os.pread(out, 1 << 20, at):
        hashed.update(piece)
        at += len(piece)
    _write_all(out, hashed.digest())
    os.fsync(out)
    return hashed.digest()


def _write_all(out: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(out, view) :]


def main() -> None:
    """The child: {"objects", "incoming", "key", "memory"} on standard input; prints the number."""
    job = json.load(sys.stdin)
    os.nice(10)
    resource.setrlimit(resource.RLIMIT_AS, (job["memory"], job["memory"]))
    sys.stdout.write(str(join_packs(Path(job["objects"]), Path(job["incoming"]), job["key"])))
