"""Writing the index of a pack, version 2 (gitformat-pack(5)); read by `gitserver.pack.index`."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator, Sequence
from typing import BinaryIO, NamedTuple

_MAGIC = b"\xfftOc\x00\x00\x00\x02"
_FANOUT = struct.Struct(">256I")
_LARGE = 0x80000000


class Row(NamedTuple):
    """Where an object lies in its pack; `crc` is of the entry's bytes in the pack."""

    oid: bytes
    crc: int
    offset: int


def write_index(out: BinaryIO, rows: Sequence[Row], pack_checksum: bytes) -> None:
    """Write the index of a pack; `rows` ascend by id, none of them twice."""
    hashed = hashlib.sha1(usedforsecurity=False)
    for part in _index_parts(rows):
        hashed.update(part)
        out.write(part)
    hashed.update(pack_checksum)
    out.write(pack_checksum)
    out.write(hashed.digest())


def _index_parts(rows: Sequence[Row]) -> Iterator[bytes]:
    counts = [0] * 256
    for row in rows:
        counts[row.oid[0]] += 1
    total, fanout = 0, []
    for count in counts:
        total += count
        fanout.append(total)
    yield _MAGIC + _FANOUT.pack(*fanout)
    yield b"".join(row.oid for row in rows)
    yield struct.pack(f">{len(rows)}I", *(row.crc for row in rows))
    large = [row.offset for row in rows if row.offset >= _LARGE]
    numbers = iter(range(len(large)))
    yield struct.pack(
        f">{len(rows)}I",
        *(row.offset if row.offset < _LARGE else _LARGE | next(numbers) for row in rows),
    )
    yield struct.pack(f">{len(large)}Q", *large)
