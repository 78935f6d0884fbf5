"""Pack index files (`.idx`, versions 1 and 2), read through a map (gitformat-pack(5))."""

from __future__ import annotations

import mmap
import struct
from array import array
from pathlib import Path

_MAGIC = b"\xfftOc"
_FAN = 256 * 4


class IndexDamaged(Exception):
    """Raised for a file that is no pack index."""


class PackIndex:
    """Sorted object ids of one pack and where each object starts.

    A *position* is an id's rank. Ids are 20 raw bytes. Lookups are by bisection, so that opening
    costs nothing however large the pack is.
    """

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            try:
                self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            except ValueError as damage:
                raise IndexDamaged(f"{path.name} is empty") from damage
        self._version = 2 if self._map[:4] == _MAGIC else 1
        if self._version == 2 and self._map[4:8] != b"\0\0\0\2":
            raise IndexDamaged(f"{path.name} has an unknown version")
        fan_at = 8 if self._version == 2 else 0
        if len(self._map) < fan_at + _FAN + 40:
            raise IndexDamaged(f"{path.name} is cut short")
        self._fan: tuple[int, ...] = struct.unpack(">256L", self._map[fan_at : fan_at + _FAN])
        self.count: int = self._fan[255]
        self._names = fan_at + _FAN + (4 if self._version == 1 else 0)
        self._step = 20 if self._version == 2 else 24
        self._offsets = self._names + self.count * 24
        if len(self._map) < self._names + self.count * (28 if self._version == 2 else 24) + 36:
            raise IndexDamaged(f"{path.name} is cut short")

    def oid(self, position: int) -> bytes:
        """The id of rank `position`."""
        at = self._names + position * self._step
        return self._map[at : at + 20]

    def oids(self) -> list[bytes]:
        """Every id, in order."""
        names, step = self._names, self._step
        data = self._map[names : names + self.count * step]
        return [data[at : at + 20] for at in range(0, self.count * step, step)]

    def find(self, oid: bytes) -> int | None:
        """The position of `oid`, or None."""
        first = oid[0]
        low = self._fan[first - 1] if first else 0
        high = self._fan[first]
        data, names, step = self._map, self._names, self._step
        while low < high:
            middle = (low + high) >> 1
            at = names + middle * step
            name = data[at : at + 20]
            if name < oid:
                low = middle + 1
            elif name > oid:
                high = middle
            else:
                return middle
        return None

    def offset(self, position: int) -> int:
        """Where in the pack the object of rank `position` starts."""
        if self._version == 1:
            at = self._names + position * 24 - 4
            return int.from_bytes(self._map[at : at + 4], "big")
        at = self._offsets + position * 4
        short = int.from_bytes(self._map[at : at + 4], "big")
        return self._long(short & 0x7FFFFFFF) if short & 0x80000000 else short

    def offsets(self) -> array[int]:
        """Every offset, by position, in 64-bit numbers."""
        if self._version == 1:
            return array("Q", (self.offset(position) for position in range(self.count)))
        short = struct.unpack_from(f">{self.count}L", self._map, self._offsets)
        if not any(value & 0x80000000 for value in short):
            return array("Q", short)
        return array("Q", (self.offset(position) for position in range(self.count)))

    def pack_checksum(self) -> bytes:
        """The trailer of the pack that this index belongs to."""
        return self._map[-40:-20]

    def close(self) -> None:
        self._map.close()

    def _long(self, rank: int) -> int:
        at = self._offsets + self.count * 4 + rank * 8
        return int.from_bytes(self._map[at : at + 8], "big")
