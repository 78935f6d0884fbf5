"""Packs and objects made by hand, sound and hostile."""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Sequence

from gitserver.objects.entry import BLOB, COMMIT, TREE, entry_header
from gitserver.objects.store import object_id

OFS_DELTA, REF_DELTA = 6, 7
WHO = b"A U Thor <a@example.org> 1700000000 +0000"
Object = tuple[int, bytes]


def oid(item: Object) -> str:
    return object_id(*item).hex()


def blob(data: bytes) -> Object:
    return BLOB, data


def tree(*entries: tuple[str, bytes, str]) -> Object:
    """A tree of (mode as written, name, id) in exactly this order."""
    parts = [f"{mode} ".encode() + name + b"\0" + bytes.fromhex(of) for mode, name, of in entries]
    return TREE, b"".join(parts)


def commit(of: str, parents: Sequence[str] = (), author: bytes = WHO) -> Object:
    lines = [b"tree " + of.encode(), *(b"parent " + parent.encode() for parent in parents)]
    return COMMIT, b"\n".join([*lines, b"author " + author, b"committer " + WHO, b"", b"m\n"])


def entry(item: Object) -> bytes:
    return entry_header(item[0], len(item[1])) + zlib.compress(item[1])


def raw_entry(kind: int, declared: int, compressed: bytes, base: bytes = b"") -> bytes:
    """An entry that may say anything of itself; `base` is a delta's id or encoded distance."""
    return entry_header(kind, declared) + base + compressed


def distance(back: int) -> bytes:
    """How an OFS_DELTA writes the way back to its base."""
    out = [back & 0x7F]
    while back := back >> 7:
        back -= 1
        out.append(0x80 | (back & 0x7F))
    return bytes(reversed(out))


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def delta(source: int, target: int, commands: bytes) -> bytes:
    return varint(source) + varint(target) + commands


def copy_all(size: int) -> bytes:
    """One command that copies `size` bytes (up to 65,535) from the start of the base."""
    return bytes([0xB0]) + struct.pack("<H", size)


def pack_of(entries: Sequence[bytes], count: int | None = None, version: int = 2) -> bytes:
    """A pack of these entries with a right checksum, whatever is in it."""
    number = len(entries) if count is None else count
    body = b"PACK" + struct.pack(">II", version, number) + b"".join(entries)
    return body + hashlib.sha1(body).digest()


def pack(*items: Object) -> bytes:
    return pack_of([entry(item) for item in items])
