"""The objects of one repository: packs, loose objects, alternates; read only.

Made for repositories that somebody else may write at the same time: a miss looks at the disk again,
as git does, and a pack that vanished is forgotten.
"""

from __future__ import annotations

import os
import time
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from gitserver.pack.file import KINDS, BaseCache, PackDamaged, PackFile
from gitserver.pack.index import IndexDamaged

_MAX_ALTERNATES = 16
_SETTLED = 50_000_000
"""After so many nanoseconds a folder's time stamp says that nothing changed since."""


class ObjectMissing(Exception):
    """Raised when the repository has no such object."""

    def __init__(self, oid: bytes) -> None:
        super().__init__(f"object {oid.hex()} is missing")
        self.oid = oid


class Place(NamedTuple):
    """Where a packed object is."""

    pack: PackFile
    offset: int


class ObjectStore:
    """Finds and reads objects by id (20 raw bytes). Not for two threads at once."""

    def __init__(self, objects: Path) -> None:
        self.folder = objects
        self._cache = BaseCache()
        self._folders = with_alternates(objects)
        self._packs: dict[Path, PackFile] = {}
        self._order: list[PackFile] = []
        self._stamp: tuple[int, ...] = ()
        self.refresh()

    def close(self) -> None:
        for pack in self._packs.values():
            pack.close()
        self._packs.clear()
        self._order.clear()

    def packs(self) -> list[PackFile]:
        """The packs that were there at the last look."""
        return list(self._order)

    def refresh(self) -> bool:
        """Look at the disk again; True when the set of packs is another one now."""
        stamp = tuple(_mtime(folder / "pack") for folder in self._folders)
        if stamp == self._stamp:
            return False
        return self._scan(stamp)

    def place(self, oid: bytes) -> Place | None:
        """Where `oid` lies in a pack, or None when it is loose or missing."""
        found = self._in_packs(oid)
        if found is None and self._loose(oid) is None and self.refresh():
            found = self._in_packs(oid)
        return found

    def __contains__(self, oid: bytes) -> bool:
        return self.place(oid) is not None or self._loose(oid) is not None

    def read(self, oid: bytes) -> tuple[int, bytes]:
        """Kind and content. Raises `ObjectMissing`."""
        found = self._in_packs(oid)
        if found is None:
            loose = self._loose(oid)
            if loose is not None:
                return _read_loose(loose, oid)
            found = self.place(oid)
            if found is None:
                raise ObjectMissing(oid)
        return found.pack.read(found.offset, self.read)

    def kind_and_size(self, oid: bytes) -> tuple[int, int]:
        """Kind and inflated size. Raises `ObjectMissing`."""
        found = self.place(oid)
        if found is not None:
            return found.pack.kind_and_size(found.offset)
        loose = self._loose(oid)
        if loose is None:
            raise ObjectMissing(oid)
        with loose.open("rb") as file:
            kind, size, _ = _loose_header(zlib.decompressobj().decompress(file.read(256), 64), oid)
        return kind, size

    def loose_file(self, oid: bytes) -> Path | None:
        """The file of a loose object."""
        return self._loose(oid)

    def loose_oids(self) -> Iterator[bytes]:
        """Every loose object of this repository, those of alternates left out."""
        for first in range(256):
            folder = self.folder / f"{first:02x}"
            with suppress(OSError):
                for name in sorted(os.listdir(folder)):  # noqa: PTH208
                    if len(name) == 38:
                        with suppress(ValueError):
                            yield bytes.fromhex(folder.name + name)

    def _in_packs(self, oid: bytes) -> Place | None:
        for rank, pack in enumerate(self._order):
            position = pack.index.find(oid)
            if position is not None:
                if rank:  # most look-ups follow one another in the same pack
                    self._order.insert(0, self._order.pop(rank))
                return Place(pack, pack.index.offset(position))
        return None

    def _loose(self, oid: bytes) -> Path | None:
        name = oid.hex()
        for folder in self._folders:
            path = f"{folder}/{name[:2]}/{name[2:]}"
            if os.path.exists(path):  # noqa: PTH110 - asked for each id of a negotiation
                return Path(path)
        return None

    def _scan(self, stamp: tuple[int, ...]) -> bool:
        found: set[Path] = set()
        for folder in self._folders:
            with suppress(OSError):
                for name in os.listdir(folder / "pack"):  # noqa: PTH208
                    if name.endswith(".pack"):
                        found.add(folder / "pack" / name)
        changed = False
        for path in sorted(found - self._packs.keys()):
            with suppress(OSError, IndexDamaged):
                self._packs[path] = PackFile(path, self._cache)
                changed = True
        for path in self._packs.keys() - found:
            self._packs.pop(path)  # closed when the last reader lets go of it
            changed = True
        if changed:
            self._order = sorted(self._packs.values(), key=lambda pack: -pack.size)
        # A folder that changed just now may change again within the same tick of its clock.
        settled = time.time_ns() - max(stamp) > _SETTLED
        self._stamp = stamp if settled else ()
        return changed


def with_alternates(objects: Path) -> list[Path]:
    """The folder and those that its `info/alternates` name, each once."""
    folders = [objects]
    for folder in folders:
        with suppress(OSError, UnicodeDecodeError):
            for line in (folder / "info" / "alternates").read_text().splitlines():
                other = Path(os.path.normpath(folder / line))
                if line and not line.startswith("#") and other not in folders:
                    folders.append(other)
        if len(folders) > _MAX_ALTERNATES:
            break
    return folders


def _mtime(folder: Path) -> int:
    try:
        return folder.stat().st_mtime_ns
    except OSError:
        return 0


def _loose_header(data: bytes, oid: bytes) -> tuple[int, int, int]:
    """Kind, size and the length of a loose object's header."""
    head, nul, _ = data.partition(b"\0")
    name, _, size = head.partition(b" ")
    if not nul or name not in KINDS or not size.isdigit():
        raise PackDamaged(f"loose object {oid.hex()} is damaged")
    return KINDS[name], int(size), len(head) + 1


def _read_loose(path: Path, oid: bytes) -> tuple[int, bytes]:
    try:
        data = zlib.decompress(path.read_bytes())
    except zlib.error as damage:
        raise PackDamaged(f"loose object {oid.hex()} is damaged") from damage
    kind, size, start = _loose_header(data, oid)
    if len(data) - start != size:
        raise PackDamaged(f"loose object {oid.hex()} is damaged")
    return kind, data[start:]
