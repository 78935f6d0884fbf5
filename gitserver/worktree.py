"""A revision's tree while it is being changed; only what is touched is read and written."""

from __future__ import annotations

import os

from config.git import PushLimits
from gitserver.building import Leaf, NewObjects
from gitserver.objects.entry import TREE
from gitserver.objects.store import Objects
from gitserver.objects.trees import DIRECTORY, EXECUTABLE, FILE, entries
from gitserver.receive.fsck.names import forbidden_name
from spaceport.errors import Invalid, NotFound


def check_path(path: str, limits: PushLimits) -> list[bytes]:
    """The components of a path that a commit may write. Raises `Invalid` (API-14)."""
    try:
        raw = path.encode()
    except UnicodeEncodeError:
        raise Invalid(f"The path {path!r} is not valid UTF-8.") from None
    parts = raw.split(b"/")
    if not raw or len(raw) > limits.path_bytes or len(parts) > limits.tree_depth:
        raise Invalid(f"A path has 1 to {limits.path_bytes} bytes.")
    for part in parts:
        problem = forbidden_name(part)
        if problem is not None:
            raise Invalid(f"The path {path!r} is not allowed ({problem}).")
        if len(part) > 255:
            raise Invalid(f"A part of the path {path[:80]!r}… has more than 255 bytes.")
    return parts


class Folder:
    """One level. Entries are leaves as git has them, or folders that were entered."""

    def __init__(self, objects: Objects, oid: bytes | None = None) -> None:
        self._objects = objects
        self._entries: dict[bytes, Leaf | Folder] = {}
        self._oid = oid.hex() if oid is not None else None
        if oid is not None:
            for entry in entries(objects.read_as(oid, TREE)):
                self._entries[entry.name] = Leaf(entry.mode, entry.oid.hex())

    def get(self, parts: list[bytes]) -> Leaf | Folder | None:
        """What is at a path, entered if it is a folder."""
        found = self._enter(parts[0])
        if len(parts) == 1 or found is None:
            return found
        return found.get(parts[1:]) if isinstance(found, Folder) else None

    def names(self) -> list[bytes]:
        """The names in this folder."""
        return list(self._entries)

    def put(self, parts: list[bytes], leaf: Leaf) -> None:
        """Set a file. Raises `Invalid` when a folder is there, or a file where a folder must be."""
        self._oid = None
        here = self._enter(parts[0])
        if len(parts) == 1:
            if isinstance(here, Folder):
                raise Invalid(f"{_shown(parts)} is a folder.")
            self._entries[parts[0]] = leaf
            return
        if here is None:
            here = self._entries[parts[0]] = Folder(self._objects)
        if not isinstance(here, Folder):
            raise Invalid(f"{_shown(parts[:1])} is a file, so it cannot hold {_shown(parts[1:])}.")
        here.put(parts[1:], leaf)

    def remove(self, parts: list[bytes]) -> None:
        """Remove a file or a folder with all in it. Raises `NotFound`."""
        here = self._enter(parts[0])
        if here is None or (len(parts) > 1 and not isinstance(here, Folder)):
            raise NotFound(f"There is no {_shown(parts)} to remove.")
        self._oid = None
        if isinstance(here, Folder) and len(parts) > 1:
            here.remove(parts[1:])
        else:
            del self._entries[parts[0]]

    def write(self, new: NewObjects) -> str | None:
        """Make the trees that changed; the id of this one, or None when nothing is in it."""
        if self._oid is not None:
            return self._oid
        leaves: dict[bytes, Leaf] = {}
        for name, entry in self._entries.items():
            if isinstance(entry, Folder):
                oid = entry.write(new)
                if oid is not None:
                    leaves[name] = Leaf(DIRECTORY, oid)
            else:
                leaves[name] = entry
        return new.tree(leaves) if leaves else None

    def _enter(self, name: bytes) -> Leaf | Folder | None:
        found = self._entries.get(name)
        if isinstance(found, Leaf) and found.mode == DIRECTORY:
            found = self._entries[name] = Folder(self._objects, bytes.fromhex(found.oid))
        return found


def file_mode(before: Leaf | Folder | None) -> int:
    """The mode of a file that is written where `before` was: an executable stays one."""
    return EXECUTABLE if isinstance(before, Leaf) and before.mode == EXECUTABLE else FILE


def _shown(parts: list[bytes]) -> str:
    return repr(os.fsdecode(b"/".join(parts)))
