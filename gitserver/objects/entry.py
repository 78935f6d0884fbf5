"""One entry of a pack: its header, its data, and deltas (gitformat-pack(5)).

Everything here is told how much it may inflate and never exceeds it.
"""

from __future__ import annotations

import zlib
from typing import NamedTuple

COMMIT, TREE, BLOB, TAG, OFS_DELTA, REF_DELTA = 1, 2, 3, 4, 6, 7
NAMES = {COMMIT: "commit", TREE: "tree", BLOB: "blob", TAG: "tag"}
KINDS = {name: kind for kind, name in NAMES.items()}

MAX_HEADER = 64
"""No entry's header is longer: ten bytes of size, then a base's id or distance."""

_MAX_DISTANCE_BYTES = 9


class BadObject(ValueError):
    """Raised for bytes that are no valid object, entry, delta or index."""


class Header(NamedTuple):
    """What stands before the compressed bytes of an entry."""

    kind: int  # one of the six above
    size: int  # inflated bytes; of the delta itself for a delta
    length: int  # bytes of this header
    distance: int  # OFS_DELTA: how far back the base begins
    base: bytes  # REF_DELTA: the base's id


def parse_header(data: bytes) -> Header:
    """Read the header at the start of `data`. Raises `BadObject`, also when `data` is too short."""
    try:
        return _parse_header(data)
    except IndexError:
        raise BadObject("the pack ends inside an entry's header") from None


def _parse_header(data: bytes) -> Header:
    byte = data[0]
    kind, size, shift, at = byte >> 4 & 7, byte & 15, 4, 1
    while byte & 0x80:
        byte = data[at]
        at += 1
        if shift > 60:
            raise BadObject("an entry's size does not fit 64 bits")
        size |= (byte & 0x7F) << shift
        shift += 7
    if kind in NAMES:
        return Header(kind, size, at, 0, b"")
    if kind == OFS_DELTA:
        distance, at = _parse_distance(data, at)
        return Header(kind, size, at, distance, b"")
    if kind == REF_DELTA:
        if len(data) < at + 20:
            raise BadObject("the pack ends inside an entry's header")
        return Header(kind, size, at + 20, 0, bytes(data[at : at + 20]))
    raise BadObject(f"an entry has the unknown type {kind}")


def _parse_distance(data: bytes, at: int) -> tuple[int, int]:
    start = at
    byte = data[at]
    distance = byte & 0x7F
    at += 1
    while byte & 0x80:
        byte = data[at]
        at += 1
        if at - start > _MAX_DISTANCE_BYTES:
            raise BadObject("the distance to a delta's base does not fit 64 bits")
        distance = ((distance + 1) << 7) | (byte & 0x7F)
    if distance == 0:
        raise BadObject("a delta names itself as its base")
    return distance, at


def entry_header(kind: int, size: int) -> bytes:
    """The header of an entry that is no delta."""
    byte = (kind << 4) | (size & 15)
    size >>= 4
    out = bytearray()
    while size:
        out.append(byte | 0x80)
        byte = size & 0x7F
        size >>= 7
    out.append(byte)
    return bytes(out)


def inflate(data: bytes, size: int) -> bytes:
    """Inflate exactly `size` bytes from the start of `data`. Raises `BadObject` otherwise."""
    engine = zlib.decompressobj()
    try:
        out = engine.decompress(data, size + 1)
    except zlib.error as error:
        raise BadObject(f"damaged compressed data: {error}") from None
    if len(out) != size or not engine.eof:
        raise BadObject("an object's data does not have the size that its header says")
    return out


def delta_sizes(delta: bytes) -> tuple[int, int, int]:
    """The sizes of source and target that a delta declares, and where its commands begin."""
    source, at = _varint(delta, 0)
    target, at = _varint(delta, at)
    return source, target, at


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise BadObject("a delta's header is cut off or too long")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            return value, at


def apply_delta(source: bytes, delta: bytes) -> bytes:
    """Build the target. Raises `BadObject` unless every command stays within the sizes declared.

    The caller has checked the declared size of the target against its limit.
    """
    source_size, target_size, at = delta_sizes(delta)
    if source_size != len(source):
        raise BadObject("a delta was made for a base of another size")
    pieces: list[bytes] = []
    have, end = 0, len(delta)
    try:
        while at < end:
            command = delta[at]
            at += 1
            if command & 0x80:
                offset, length, at = _copy_command(delta, command, at)
                if offset + length > source_size:
                    raise BadObject("a delta copies from beyond its base")
                pieces.append(source[offset : offset + length])
            elif command:
                length = command
                if at + length > end:
                    raise BadObject("a delta is cut off")
                pieces.append(delta[at : at + length])
                at += length
            else:
                raise BadObject("a delta has the reserved command 0")
            have += length
            if have > target_size:
                break
    except IndexError:
        raise BadObject("a delta is cut off") from None
    if have != target_size:
        raise BadObject("a delta does not make a target of the size that it declares")
    return b"".join(pieces)


def _copy_command(delta: bytes, command: int, at: int) -> tuple[int, int, int]:
    offset = length = 0
    if command & 0x01:
        offset = delta[at]
        at += 1
    if command & 0x02:
        offset |= delta[at] << 8
        at += 1
    if command & 0x04:
        offset |= delta[at] << 16
        at += 1
    if command & 0x08:
        offset |= delta[at] << 24
        at += 1
    if command & 0x10:
        length = delta[at]
        at += 1
    if command & 0x20:
        length |= delta[at] << 8
        at += 1
    if command & 0x40:
        length |= delta[at] << 16
        at += 1
    return offset, length or 0x10000, at
