"""Objects by id, from one or more `objects` folders: packs first, then loose files.

What is read is checked against its id, so that a flipped bit is an error and never wrong content
(DUR-18). Alternates are not followed: repositories here borrow nothing from each other.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from gitserver.objects.entry import (
    KINDS,
    NAMES,
    OFS_DELTA,
    TAG,
    BadObject,
    Header,
    apply_delta,
    delta_sizes,
    inflate,
    parse_header,
)
from gitserver.pack.index import IndexDamaged, PackIndex

MAX_CHAIN = 5_000
_WINDOW = 4096
_NO_LIMIT = 1 << 62


class NoSuchObject(KeyError):
    """Raised for an id that is in none of the folders."""

    def __init__(self, oid: bytes) -> None:
        super().__init__(oid.hex())

    def __str__(self) -> str:
        return f"there is no object {self.args[0]}"


class ObjectTooLarge(ValueError):
    """Raised instead of reading an object that is larger than the caller wants to hold."""

    def __init__(self, oid: bytes, size: int, limit: int) -> None:
        super().__init__(f"object {oid.hex()} has {size} bytes, more than {limit}")
        self.size = size


class Pack:
    """One pack with its index. Stays readable after its files were removed."""

    def __init__(self, index: Path) -> None:
        try:
            self.index = PackIndex(index)
        except IndexDamaged as damage:
            raise BadObject(str(damage)) from None
        self._fd = os.open(index.with_suffix(".pack"), os.O_RDONLY | os.O_CLOEXEC)

    def close(self) -> None:
        self.index.close()
        os.close(self._fd)

    def find(self, oid: bytes) -> int | None:
        """The offset of the object's entry, or None."""
        position = self.index.find(oid)
        return None if position is None else self.index.offset(position)

    def starting_with(self, hex_prefix: str) -> Iterator[bytes]:
        """The ids whose hexadecimal form starts with `hex_prefix`, looked for by bisection."""
        low, high, index = 0, self.index.count, self.index
        while low < high:
            middle = (low + high) // 2
            if index.oid(middle).hex() < hex_prefix:
                low = middle + 1
            else:
                high = middle
        while low < index.count and index.oid(low).hex().startswith(hex_prefix):
            yield index.oid(low)
            low += 1

    def header(self, offset: int) -> tuple[Header, bytes]:
        """The entry's header, and some bytes from the start of its compressed data."""
        data = os.pread(self._fd, _WINDOW, offset)
        header = parse_header(data)
        return header, data[header.length :]

    def data(self, offset: int, header: Header) -> bytes:
        """The inflated data of the entry at `offset` (of a delta: the delta)."""
        start = offset + header.length
        if header.size <= _WINDOW:
            with contextlib.suppress(BadObject):
                return inflate(os.pread(self._fd, _WINDOW * 2, start), header.size)
        most = header.size + header.size // 1000 + 1024  # what deflate may add at worst
        return inflate(os.pread(self._fd, most, start), header.size)


class Objects:
    """All objects of a repository, and of a quarantine before it if one is given."""

    def __init__(self, *folders: Path) -> None:
        self._folders = folders
        self._packs: dict[Path, Pack] = {}
        self._listed = False

    def __enter__(self) -> Objects:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        for pack in self._packs.values():
            pack.close()
        self._packs.clear()
        self._listed = False

    def __contains__(self, oid: bytes) -> bool:
        return self._find(oid) is not None or self._loose(oid) is not None

    def kind_and_size(self, oid: bytes) -> tuple[int, int]:
        """The kind (`entry.COMMIT` ...) and inflated size, without reading the whole object."""
        found = self._find(oid)
        if found is not None:
            return self._packed_kind_and_size(*found)
        path = self._loose(oid)
        if path is None:
            raise NoSuchObject(oid)
        kind, size, _ = _loose_header(path)
        return kind, size

    def read(self, oid: bytes, limit: int = _NO_LIMIT) -> tuple[int, bytes]:
        """The kind and content. Raises `NoSuchObject`, `ObjectTooLarge` or `BadObject`."""
        found = self._find(oid)
        if found is not None:
            kind, data = self._read_packed(oid, *found, limit)
        else:
            path = self._loose(oid)
            if path is None:
                raise NoSuchObject(oid)
            kind, data = _read_loose(oid, path, limit)
        if object_id(kind, data) != oid:
            raise BadObject(f"object {oid.hex()} is damaged on disk")
        return kind, data

    def read_as(self, oid: bytes, kind: int, limit: int = _NO_LIMIT) -> bytes:
        """The content of an object of this kind. Raises `BadObject` when it is of another."""
        found, data = self.read(oid, limit)
        if found != kind:
            raise BadObject(f"object {oid.hex()} is a {NAMES[found]}, not a {NAMES[kind]}")
        return data

    def starting_with(self, hex_prefix: str) -> set[bytes]:
        """The ids in packs and loose files that start with these hexadecimal digits."""
        self._list()
        found = {oid for pack in self._packs.values() for oid in pack.starting_with(hex_prefix)}
        for folder in self._folders:
            with contextlib.suppress(FileNotFoundError):
                for path in (folder / hex_prefix[:2]).iterdir():
                    if len(path.name) == 38 and path.name.startswith(hex_prefix[2:]):
                        found.add(bytes.fromhex(hex_prefix[:2] + path.name))
        return found

    def packs(self) -> Iterator[Pack]:
        """Every pack that is there now."""
        self._list()
        return iter(self._packs.values())

    def _find(self, oid: bytes) -> tuple[Pack, int] | None:
        if not self._listed:
            self._list()
        found = self._search(oid)
        if found is None and self._loose(oid) is None and self._list():
            found = self._search(oid)  # a pack came meanwhile, or packs were joined
        return found

    def _search(self, oid: bytes) -> tuple[Pack, int] | None:
        for pack in self._packs.values():
            offset = pack.find(oid)
            if offset is not None:
                return pack, offset
        return None

    def _list(self) -> bool:
        """Open packs that are new; true if there were any."""
        before = len(self._packs)
        for folder in self._folders:
            with contextlib.suppress(FileNotFoundError):
                for path in sorted((folder / "pack").iterdir()):
                    if path.suffix == ".idx" and path not in self._packs:
                        with contextlib.suppress(FileNotFoundError):
                            self._packs[path] = Pack(path)
        self._listed = True
        return len(self._packs) > before

    def _loose(self, oid: bytes) -> Path | None:
        name = oid.hex()
        for folder in self._folders:
            path = folder / name[:2] / name[2:]
            if path.exists():
                return path
        return None

    def _packed_kind_and_size(self, pack: Pack, offset: int) -> tuple[int, int]:
        header, start = pack.header(offset)
        if header.kind in NAMES:
            return header.kind, header.size
        _, size, _ = delta_sizes(_first_bytes(start))
        for _ in range(MAX_CHAIN):
            if header.kind in NAMES:
                return header.kind, size
            if header.kind != OFS_DELTA:
                return self.kind_and_size(header.base)[0], size
            offset -= header.distance
            header, _ = pack.header(offset)
        raise BadObject("a chain of deltas is too long")

    def _read_packed(self, oid: bytes, pack: Pack, offset: int, limit: int) -> tuple[int, bytes]:
        deltas: list[bytes] = []
        while True:
            header, _ = pack.header(offset)
            if header.kind in NAMES:
                _check_size(oid, header.size, limit if not deltas else _NO_LIMIT)
                kind, data = header.kind, pack.data(offset, header)
                break
            delta = pack.data(offset, header)
            if not deltas:
                _check_size(oid, delta_sizes(delta)[1], limit)
            deltas.append(delta)
            if len(deltas) > MAX_CHAIN:
                raise BadObject("a chain of deltas is too long")
            if header.kind != OFS_DELTA:
                kind, data = self.read(header.base)
                break
            offset -= header.distance
        while deltas:
            data = apply_delta(data, deltas.pop())
        return kind, data


def object_id(kind: int, data: bytes) -> bytes:
    """The id that git gives to an object."""
    hashed = hashlib.sha1(b"%s %d\0" % (NAMES[kind].encode(), len(data)), usedforsecurity=False)
    hashed.update(data)
    return hashed.digest()


def _check_size(oid: bytes, size: int, limit: int) -> None:
    if size > limit:
        raise ObjectTooLarge(oid, size, limit)


def _first_bytes(compressed: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(compressed, 32)
    except zlib.error as error:
        raise BadObject(f"damaged compressed data: {error}") from None


def _loose_header(path: Path) -> tuple[int, int, int]:
    with path.open("rb") as file:
        start = _first_bytes(file.read(256))
    head, nul, _ = start.partition(b"\0")
    name, _, size = head.partition(b" ")
    if not nul or name.decode("ascii", "replace") not in KINDS or not size.isdigit():
        raise BadObject(f"{path.name} is not a loose object")
    return KINDS[name.decode()], int(size), len(head) + 1


def _read_loose(oid: bytes, path: Path, limit: int) -> tuple[int, bytes]:
    kind, size, skip = _loose_header(path)
    _check_size(oid, size, limit)
    return kind, inflate(path.read_bytes(), size + skip)[skip:]


def commit_tree(data: bytes) -> bytes:
    """The id of a commit's tree. Raises `BadObject`."""
    if not data.startswith(b"tree ") or len(data) < 46:
        raise BadObject("a commit without a tree")
    return hex_id(data[5:45])


def commit_parents(data: bytes) -> list[bytes]:
    """The ids of a commit's parents, in order."""
    parents, at = [], 46
    while data[at : at + 7] == b"parent ":
        parents.append(hex_id(data[at + 7 : at + 47]))
        at += 48
    return parents


def tag_target(data: bytes) -> tuple[bytes, int]:
    """The id and kind that a tag object points at. Raises `BadObject`."""
    lines = data.split(b"\n", 2)
    if len(lines) < 2 or lines[0][:7] != b"object " or lines[1][:5] != b"type ":
        raise BadObject("a tag without object and type")
    kind = KINDS.get(lines[1][5:].decode("ascii", "replace"))
    if kind is None:
        raise BadObject("a tag of an unknown type")
    return hex_id(lines[0][7:]), kind


def hex_id(digits: bytes) -> bytes:
    """20 bytes from 40 lower-case hexadecimal digits. Raises `BadObject`."""
    try:
        oid = bytes.fromhex(digits.decode("ascii"))
    except ValueError:
        raise BadObject("an id is not hexadecimal") from None
    if len(oid) != 20 or oid.hex().encode() != digits:
        raise BadObject("an id is not 40 lower-case hexadecimal digits")
    return oid


def peel(objects: Objects, oid: bytes) -> tuple[bytes, int]:
    """Follow tags to what they point at in the end: its id and kind."""
    kind, _ = objects.kind_and_size(oid)
    for _ in range(64):
        if kind != TAG:
            return oid, kind
        oid, kind = tag_target(objects.read(oid)[1])
    raise BadObject("tags point at tags without end")
