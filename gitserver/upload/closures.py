"""Proofs of what a set of tips reaches, kept on disk.

A closure record says: *these tips reach exactly the objects of these packs and of these id lists*.
It is a fact about contents: ids name what they hold, and a pack is named together with its own
checksum. So a record never becomes false, whatever happens to the repository; it is only of no
use once a pack that it names is gone.

Used for: sending a pack as it is (only when it is exact: a pack with unreachable objects would hand
out what somebody removed), a clone that is such a pack and a tail, and the question whether an
object may be asked for.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from gitserver.pack.file import COMMIT, PackFile
from gitserver.pack.history import History
from gitserver.pack.store import ObjectMissing
from gitserver.pack.walk import Walk

_KEPT = 16
_LARGE_TAIL = 20_000


@dataclass
class Closure:
    """What `tips` reach: the whole of `pack` (if any) and the ids of `tail`, which are sorted,
    joined, and not in `pack`."""

    tips: tuple[bytes, ...]
    pack: PackFile | None
    tail: bytes

    @property
    def count(self) -> int:
        return (self.pack.index.count if self.pack else 0) + len(self.tail) // 20

    def tail_oids(self) -> list[bytes]:
        return [self.tail[at : at + 20] for at in range(0, len(self.tail), 20)]

    def __contains__(self, oid: bytes) -> bool:
        if self.pack is not None and self.pack.index.find(oid) is not None:
            return True
        low, high = 0, len(self.tail) // 20
        while low < high:
            middle = (low + high) >> 1
            name = self.tail[middle * 20 : middle * 20 + 20]
            if name == oid:
                return True
            if name < oid:
                low = middle + 1
            else:
                high = middle
        return False


class Closures:
    """The records of one repository, in a folder of the cache."""

    def __init__(self, folder: Path, history: History) -> None:
        self._folder = folder
        self._history = history

    def find(self, tips: Iterable[bytes]) -> Closure | None:
        """The closure of exactly these tips, if it is on record and can be used now."""
        return self._load(self._path(tips))

    def of(self, tips: Iterable[bytes], tick: Callable[[int], None]) -> Closure:
        """The closure of `tips`: from the record, by extending an older one, or by a whole walk.

        Raises `ObjectMissing`.
        """
        wanted = tuple(sorted(set(tips)))
        found = self.find(wanted)
        if found is None:
            found = self._extend(wanted, tick) or self._walk(wanted, tick)
            self.save(found)
        return found

    def save(self, closure: Closure) -> None:
        """Put a record on disk. A cache that cannot be written costs time only."""
        head = {
            "tips": [oid.hex() for oid in closure.tips],
            "pack": closure.pack.path.name if closure.pack else "",
            "checksum": closure.pack.index.pack_checksum().hex() if closure.pack else "",
        }
        path = self._path(closure.tips)
        with suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
            temporary.write_bytes(json.dumps(head).encode() + b"\n" + closure.tail)
            temporary.replace(path)
            for old in self._recent()[_KEPT:]:
                old.unlink(missing_ok=True)

    def _walk(self, tips: tuple[bytes, ...], tick: Callable[[int], None]) -> Closure:
        objects = Walk(self._history, tick=tick).run(tips, ()).all()
        return self._split(tips, objects)

    def _split(self, tips: tuple[bytes, ...], objects: set[bytes]) -> Closure:
        """Find the largest pack that holds nothing but these objects."""
        for pack in self._history.store.packs():
            index = pack.index
            if 0 < index.count <= len(objects) and objects.issuperset(index.oids()):
                rest = sorted(oid for oid in objects if index.find(oid) is None)
                return Closure(tips, pack, b"".join(rest))
        return Closure(tips, None, b"".join(sorted(objects)))

    def _extend(self, tips: tuple[bytes, ...], tick: Callable[[int], None]) -> Closure | None:
        """From a record whose tips are all still reachable: only what is new is walked."""
        for path in self._recent():
            old = self._load(path)
            if old is None or not self._covers(tips, old.tips):
                continue
            fresh = Walk(self._history, tick=tick).run(tips, old.tips).all()
            tail = {oid for oid in fresh if oid not in old}
            if len(tail) > _LARGE_TAIL:
                return None
            tail.update(old.tail_oids())
            if old.pack is None or len(tail) > old.pack.index.count:
                return self._split(tips, tail.union(old.pack.index.oids() if old.pack else ()))
            return Closure(tips, old.pack, b"".join(sorted(tail)))
        return None

    def _covers(self, tips: Collection[bytes], old: Collection[bytes]) -> bool:
        """Whether everything that `old` reach is reached by `tips` as well."""
        moved = set(old).difference(tips)
        if not moved:
            return True
        store, history = self._history.store, self._history
        try:
            if any(store.kind_and_size(oid)[0] != COMMIT for oid in moved):
                return False
            return history.reachable(moved, history.commits_of(tips))
        except ObjectMissing:
            return False

    def _load(self, path: Path) -> Closure | None:
        try:
            line, _, tail = path.read_bytes().partition(b"\n")
            head = json.loads(line)
            tips = tuple(bytes.fromhex(oid) for oid in head["tips"])
            pack = self._pack(head["pack"], head["checksum"])
        except (OSError, ValueError, KeyError):
            return None
        if len(tail) % 20 or (head["pack"] and pack is None):
            return None
        return Closure(tips, pack, tail)

    def _pack(self, name: str, checksum: str) -> PackFile | None:
        for pack in self._history.store.packs():
            if pack.path.name == name and pack.index.pack_checksum().hex() == checksum:
                return pack
        return None

    def _recent(self) -> list[Path]:
        found = []
        with suppress(OSError):
            for path in self._folder.glob("closure-*"):
                with suppress(OSError):
                    found.append((path.stat().st_mtime_ns, path))
        return [path for _, path in sorted(found, reverse=True)]

    def _path(self, tips: Iterable[bytes]) -> Path:
        name = hashlib.sha256(b"".join(sorted(set(tips)))).hexdigest()[:32]
        return self._folder / f"closure-{name}"
