"""Xorbs and shards as a client writes them, and as nobody should."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import lz4.frame

from gitserver.xet.hashes import hash_bytes
from gitserver.xet.shard import WITH_CHECKS, WITH_SHA256

MAGIC = b"HFRepoMetaData\0" + bytes(range(17))


def planes(data: bytes) -> bytes:
    return b"".join(data[plane::4] for plane in range(4))


def chunk(
    data: bytes,
    scheme: int = 0,
    *,
    size: int | None = None,
    packed: int | None = None,
    version: int = 0,
    body: bytes | None = None,
) -> bytes:
    """One chunk; any field may lie."""
    if body is None:
        grouped = planes(data) if scheme == 2 else data
        body = grouped if scheme not in (1, 2) else lz4.frame.compress(grouped)
    packed = len(body) if packed is None else packed
    size = len(data) if size is None else size
    head = bytes([version]) + packed.to_bytes(3, "little") + bytes([scheme])
    return head + size.to_bytes(3, "little") + body


def xorb(chunks: Iterable[bytes], scheme: int = 0) -> bytes:
    return b"".join(chunk(data, scheme) for data in chunks)


def name(number: int) -> str:
    """A hash for a xorb, as text."""
    return f"{number:064x}"


@dataclass(frozen=True)
class Piece:
    xorb: str
    size: int
    start: int
    end: int


def file_records(
    sha256: str, pieces: Sequence[Piece], *, checks: bool = True, count: int | None = None
) -> bytes:
    flags = WITH_SHA256 | (WITH_CHECKS if checks else 0)
    count = len(pieces) if count is None else count
    out = struct.pack("<32sII8x", b"\x01" * 32, flags, count)
    for piece in pieces:
        raw = hash_bytes(piece.xorb)
        out += struct.pack("<32sIIII", raw, 0, piece.size, piece.start, piece.end)
    if checks:
        out += b"\x02" * 48 * len(pieces)
    return out + hash_bytes(sha256) + bytes(16)


def shard(*files: bytes, version: int = 2, magic: bytes = MAGIC, end: bool = True) -> bytes:
    out = struct.pack("<32sQQ", magic, version, 0) + b"".join(files)
    return out + (b"\xff" * 32 + bytes(16) if end else b"")


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
