"""What a commit changes, as data, and what it makes of a tree. Synchronous."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from config.git import GitSettings
from gitserver.building import EMPTY_TREE, Leaf, NewObjects
from gitserver.objects.entry import BLOB, COMMIT
from gitserver.objects.store import NoSuchObject, Objects, commit_tree
from gitserver.objects.trees import EXECUTABLE, FILE
from gitserver.pointer import Pointer
from gitserver.worktree import Folder, check_path, file_mode
from spaceport.errors import Invalid, NotFound
from spaceport.push import ZERO


@dataclass(frozen=True)
class AddFile:
    """Write a file; an executable one stays executable."""

    path: str
    data: bytes


@dataclass(frozen=True)
class AddPointer:
    """Write the git-lfs pointer of a large object, which has been uploaded before."""

    path: str
    pointer: Pointer


@dataclass(frozen=True)
class DeleteFile:
    path: str


@dataclass(frozen=True)
class DeleteFolder:
    path: str


@dataclass(frozen=True)
class CopyFile:
    """Copy a file or folder from the parent, or from another revision of this repository."""

    source: str
    path: str
    revision: str | None = None


@dataclass(frozen=True)
class AddLines:
    """Add those of `lines` that a file does not have; it need not be there yet.

    Two who do so at once both succeed. Nothing is done to what is no file, or would get longer than
    `most` bytes.
    """

    path: str
    lines: tuple[bytes, ...]
    most: int


Operation = AddFile | AddPointer | AddLines | DeleteFile | DeleteFolder | CopyFile


def changed_tree(
    objects: Objects,
    new: NewObjects,
    revision: str,
    operations: Iterable[Operation],
    settings: GitSettings,
) -> tuple[str, str]:
    """The tree of a revision (`ZERO`: none), and the one that the operations make of it.

    What the second needs is added to `new`. Raises `Invalid` for a bad path, `NotFound` for what
    is not there to be removed or copied.
    """
    before = None if revision == ZERO else _tree_of(objects, revision)
    change = _Change(objects, Folder(objects, before), new, revision, settings)
    for operation in operations:
        change.apply(operation)
    after = change.top.write(new) or new.tree({})
    return (before.hex() if before else EMPTY_TREE), after


class _Change:
    """One tree, while operation after operation changes it."""

    def __init__(
        self,
        objects: Objects,
        top: Folder,
        new: NewObjects,
        revision: str,
        settings: GitSettings,
    ) -> None:
        self.top = top
        self._objects = objects
        self._new = new
        self._revision = revision
        self._settings = settings

    def apply(self, operation: Operation) -> None:
        top = self.top
        parts = check_path(operation.path, self._settings.push)
        if isinstance(operation, AddFile | AddPointer):
            data = operation.data if isinstance(operation, AddFile) else operation.pointer.text()
            top.put(parts, Leaf(file_mode(top.get(parts)), self._new.blob(data)))
        elif isinstance(operation, AddLines):
            self._add_lines(operation, parts)
        elif isinstance(operation, CopyFile):
            self._copy(operation, parts)
        else:
            found = top.get(parts)
            if isinstance(found, Folder) != isinstance(operation, DeleteFolder):
                kind = "folder" if isinstance(operation, DeleteFolder) else "file"
                raise NotFound(f"There is no {kind} {operation.path!r} to remove.")
            top.remove(parts)

    def _add_lines(self, operation: AddLines, parts: list[bytes]) -> None:
        found, present = self.top.get(parts), b""
        if isinstance(found, Leaf) and found.mode in (FILE, EXECUTABLE):
            made = self._new.content(found.oid)
            stored = bytes.fromhex(found.oid)
            present = self._objects.read_as(stored, BLOB) if made is None else made
        elif found is not None:
            return
        known = set(present.splitlines())
        lines = [line for line in operation.lines if line not in known]
        between = b"\n" if present and not present.endswith(b"\n") else b""
        whole = present + between + b"".join(line + b"\n" for line in lines)
        if lines and len(whole) <= operation.most:
            self.top.put(parts, Leaf(file_mode(found), self._new.blob(whole)))

    def _copy(self, copy: CopyFile, parts: list[bytes]) -> None:
        revision = copy.revision or self._revision
        try:
            source = Folder(self._objects, _tree_of(self._objects, revision))
        except NoSuchObject:
            raise NotFound(f"There is no revision {revision!r}.") from None
        found = source.get(check_path(copy.source, self._settings.push))
        if found is None:
            raise NotFound(f"There is no {copy.source!r} to copy.")
        for inner, leaf in _files_of(found, self._settings.read.entries):
            self.top.put([*parts, *inner], leaf)


def _files_of(found: Leaf | Folder, most: int) -> list[tuple[list[bytes], Leaf]]:
    """Every file at or below, with its path from there."""
    if isinstance(found, Leaf):
        return [([], found)]
    files: list[tuple[list[bytes], Leaf]] = []
    waiting: list[tuple[list[bytes], Folder]] = [([], found)]
    while waiting:
        prefix, folder = waiting.pop()
        for name in folder.names():
            inner = folder.get([name])
            if isinstance(inner, Folder):
                waiting.append(([*prefix, name], inner))
            elif inner is not None:
                files.append(([*prefix, name], inner))
            if len(files) > most:
                raise Invalid(f"A folder of more than {most} files cannot be copied.")
    return files


def _tree_of(objects: Objects, revision: str) -> bytes:
    return commit_tree(objects.read_as(bytes.fromhex(revision), COMMIT))
