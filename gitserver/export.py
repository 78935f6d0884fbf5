"""Laying out a revision as files, so that nothing in it can reach beyond its folder (BLD-01).

Every file is created relative to the open descriptor of its own folder, never through a name that
the revision could have made a link of; links come last, and only such as point inside.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from gitserver.content import TooLarge, walk_tree
from gitserver.links import reflink
from gitserver.objects.entry import COMMIT
from gitserver.objects.store import NoSuchObject, Objects, ObjectTooLarge, commit_tree
from gitserver.objects.trees import Entry
from gitserver.pointer import MAX_BYTES, Pointer, parse_pointer
from gitserver.receive.fsck.names import forbidden_name
from gitserver.repositories import Repositories
from spaceport.errors import Invalid, NotFound
from spaceport.names import SpaceKey

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC

Large = Callable[[Pointer], Path | None]
"""Gives the file that holds a large object, or None if it was never uploaded."""


@dataclass(frozen=True)
class ExportReport:
    """What was laid out. Paths are as in the revision."""

    files: int = 0
    bytes: int = 0
    """Of files written here; large objects are linked and not counted."""
    large_bytes: int = 0
    missing_pointers: tuple[str, ...] = ()
    """Paths of pointers whose object was never uploaded; the pointer's text stands there."""
    refused_links: tuple[str, ...] = ()
    """Symbolic links that point out of the revision; they were left out."""
    submodules: tuple[str, ...] = ()
    """Submodules: empty folders, as git itself leaves them."""


@dataclass
class _Tally:
    files: int = 0
    written: int = 0
    large_bytes: int = 0
    missing: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    submodules: list[str] = field(default_factory=list)
    links: list[tuple[bytes, bytes]] = field(default_factory=list)


class Exporter:
    """Lays out revisions of a folder of repositories."""

    def __init__(self, repositories: Repositories) -> None:
        self._repositories = repositories
        self._limits = repositories.settings.read

    def export(self, key: SpaceKey, revision: str, destination: Path, large: Large) -> ExportReport:
        """Write the files of `revision` into `destination`, which must be empty or not there yet.

        Files get mode 0644 or 0755, folders 0755. A pointer to a large object becomes a hard link
        to the file that `large` gives (which must not change any more), or a copy where the file
        system cannot link. Raises `TooLarge` beyond the budget, `NotFound` for no such revision.
        """
        destination.mkdir(mode=0o755, parents=True, exist_ok=True)
        if any(destination.iterdir()):
            raise Invalid(f"{destination} is not empty.")
        tally = _Tally()
        folder = self._repositories.path(key) / "objects"
        with Objects(folder) as objects, ExitStack() as stack:
            try:
                tree = commit_tree(objects.read_as(bytes.fromhex(revision), COMMIT))
            except NoSuchObject:
                raise NotFound(f"There is no revision {revision}.") from None
            top = os.open(destination, _FOLDER)
            stack.callback(os.close, top)
            self._files(objects, tree, top, tally, large)
            _links(top, tally)
        return ExportReport(
            tally.files,
            tally.written,
            tally.large_bytes,
            tuple(tally.missing),
            tuple(tally.refused),
            tuple(tally.submodules),
        )

    def _files(self, objects: Objects, tree: bytes, top: int, tally: _Tally, large: Large) -> None:
        deadline = time.monotonic() + self._limits.export_seconds
        walker = walk_tree(objects, tree, b"", True, self._limits.entries, deadline)
        for path, entry in walker:
            parent, name = os.path.split(path)
            _check_name(path, name)
            folder = _open_folder(top, parent)
            try:
                self._one(objects, folder, path, name, entry, tally, large)
            finally:
                os.close(folder)

    def _one(
        self,
        objects: Objects,
        folder: int,
        path: bytes,
        name: bytes,
        entry: Entry,
        tally: _Tally,
        large: Large,
    ) -> None:
        if entry.is_tree or entry.is_submodule:
            os.mkdir(name, 0o755, dir_fd=folder)
            if entry.is_submodule:
                tally.submodules.append(os.fsdecode(path))
            return
        data = self._read(objects, path, entry, tally)
        if entry.is_link:
            tally.links.append((path, data))
            return
        tally.files += 1
        pointer = parse_pointer(data) if len(data) <= MAX_BYTES else None
        if pointer is not None:
            source = large(pointer)
            if source is not None:
                _place(source, folder, name, _mode(entry))
                tally.large_bytes += pointer.size
                return
            tally.missing.append(os.fsdecode(path))
        _write(folder, name, data, _mode(entry))

    def _read(self, objects: Objects, path: bytes, entry: Entry, tally: _Tally) -> bytes:
        left = self._limits.export_bytes - tally.written
        try:
            _, data = objects.read(entry.oid, left)
        except ObjectTooLarge:
            raise TooLarge(
                f"The files of this revision have more than {self._limits.export_bytes} bytes "
                f"(at {os.fsdecode(path)!r})."
            ) from None
        tally.written += len(data)
        return data


def _mode(entry: Entry) -> int:
    return 0o755 if entry.is_executable else 0o644


def _check_name(path: bytes, name: bytes) -> None:
    if forbidden_name(name):
        raise Invalid(f"The name {os.fsdecode(path)!r} must not be laid out as a file.")


def _open_folder(top: int, path: bytes) -> int:
    """Open a folder below `top`, step by step, none of the steps through a link."""
    here = os.dup(top)
    for name in path.split(b"/") if path else ():
        try:
            below = os.open(name, _FOLDER, dir_fd=here)
        finally:
            os.close(here)
        here = below
    return here


def _write(folder: int, name: bytes, data: bytes, mode: int) -> None:
    descriptor = os.open(name, _NEW_FILE, mode, dir_fd=folder)
    with os.fdopen(descriptor, "wb") as out:
        out.write(data)
        os.fchmod(out.fileno(), mode)


def _place(source: Path, folder: int, name: bytes, mode: int) -> None:
    """A hard link if the stored file has a mode that suits, else a clone or a copy."""
    if mode == 0o644 and source.stat().st_mode & 0o777 in (0o444, 0o644):
        try:
            os.link(source, name, dst_dir_fd=folder, follow_symlinks=False)
            return
        except OSError:  # another file system, or too many links
            pass
    descriptor = os.open(name, _NEW_FILE, mode, dir_fd=folder)
    with os.fdopen(descriptor, "wb") as out, source.open("rb") as stored:
        os.fchmod(out.fileno(), mode)
        if not reflink(stored.fileno(), out.fileno()):
            shutil.copyfileobj(stored, out, 1 << 20)


def _links(top: int, tally: _Tally) -> None:
    for path, target in tally.links:
        if not stays_inside(os.fsdecode(path), os.fsdecode(target)):
            tally.refused.append(os.fsdecode(path))
            continue
        parent, name = os.path.split(path)
        folder = _open_folder(top, parent)
        try:
            os.symlink(target, name, dir_fd=folder)
            tally.files += 1
        finally:
            os.close(folder)


def stays_inside(link: str, target: str) -> bool:
    """Whether a link at `link` (a path from the root) with this text points into the revision.

    `..` is allowed at the start only, where it counts real folders; behind a name, which may be a
    link itself, nobody could tell where it leads.
    """
    if not target or target.startswith("/") or "\0" in target:
        return False
    depth = len(PurePosixPath(link).parts) - 1
    named = False
    for part in target.split("/"):
        if part == "..":
            depth -= 1
            if named or depth < 0:
                return False
        elif part not in ("", "."):
            named = True
    return True
