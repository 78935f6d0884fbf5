"""Commits without a git client: for the hub's API and pages (API-14 to API-16).

They take the very same path as a push: quarantine, examination in the child, hooks,
compare-and-swap, one durable step.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from gitserver.building import EMPTY_TREE, Leaf, NewObjects, Signature
from gitserver.durable import write_synced
from gitserver.objects.entry import BLOB, COMMIT
from gitserver.objects.store import NoSuchObject, Objects, commit_tree
from gitserver.objects.trees import EXECUTABLE, FILE
from gitserver.pointer import Pointer
from gitserver.receive.conclude import Concluder, Pusher
from gitserver.receive.quarantine import Quarantine, open_quarantine
from gitserver.receive.report import Report
from gitserver.receive.request import PushRequest
from gitserver.refs import read_refs
from gitserver.repositories import Repositories
from gitserver.worktree import Folder, check_path, file_mode
from spaceport.errors import Conflict, Invalid, NotFound, SpaceportError
from spaceport.names import SpaceKey
from spaceport.pools import Pools
from spaceport.push import MAIN, ZERO, RefUpdate

_TRIES = 20
_LOST = "stale info"
_T = TypeVar("_T")


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


class CommitRefused(SpaceportError):
    """Raised when a check refused the commit; the text is what a pusher would read."""


class ParentChanged(Conflict):
    """Raised when the branch is no longer at the parent that the caller named."""


@dataclass(frozen=True)
class CommitResult:
    """The branch's commit afterwards. `changed` is false when there was nothing to commit."""

    revision: str
    changed: bool
    messages: tuple[str, ...] = ()


@dataclass(frozen=True)
class CommitRequest:
    """What to commit. With `parent` the branch must be there; without, it is where it is."""

    operations: Sequence[Operation]
    message: str
    author: Signature
    ref: str = MAIN
    parent: str | None = None
    allow_empty: bool = False


class Commits:
    """Makes commits. One for each server."""

    def __init__(self, repositories: Repositories, concluder: Concluder, pools: Pools) -> None:
        self._repositories = repositories
        self._concluder = concluder
        self._pools = pools
        self._running: set[asyncio.Task[Any]] = set()

    async def close(self, within: float = 30.0) -> None:
        """Wait, `within` so many seconds, for commits that are being made (DUR-17)."""
        if self._running:
            await asyncio.wait(self._running, timeout=within)

    async def commit(self, key: SpaceKey, pusher: Pusher, request: CommitRequest) -> CommitResult:
        """Commit; when this returns it is durable and in the branch's history.

        Raises `ParentChanged`, `Invalid` for a bad path, `NotFound` for a file or repository that
        is not there, `CommitRefused` when a check refuses. A race that is lost without a `parent`
        is tried again on the new head. Once begun it goes on, also when the caller is cancelled.
        """
        return await self._to_the_end(self._commit(key, pusher, request))

    async def _commit(self, key: SpaceKey, pusher: Pusher, request: CommitRequest) -> CommitResult:
        for _ in range(_TRIES):
            result = await self._try(key, pusher, request)
            if result is not None:
                return result
            if request.parent is not None:
                raise ParentChanged("Somebody else has committed meanwhile.", hint="Look again.")
        raise Conflict("Too many others commit to this branch right now.", hint="Try again.")

    async def move_refs(
        self, key: SpaceKey, pusher: Pusher, updates: Sequence[RefUpdate]
    ) -> Report:
        """Create, move or delete refs at objects that are there, all or none (branches, tags)."""
        return await self._to_the_end(self._move_refs(key, pusher, updates))

    async def _move_refs(
        self, key: SpaceKey, pusher: Pusher, updates: Sequence[RefUpdate]
    ) -> Report:
        quarantine = await self._open(key)
        asked = PushRequest(tuple(updates), frozenset({"atomic"}))
        return await self._concluder.conclude(key, pusher, asked, quarantine, _unheard)

    async def _open(self, key: SpaceKey) -> Quarantine:
        incoming = self._repositories.root / "incoming"
        return await self._pools.run("git", open_quarantine, incoming, key)

    async def _to_the_end(self, work: Coroutine[Any, Any, _T]) -> _T:
        task = asyncio.ensure_future(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return await asyncio.shield(task)

    async def _try(
        self, key: SpaceKey, pusher: Pusher, request: CommitRequest
    ) -> CommitResult | None:
        """One attempt; None when the branch moved meanwhile."""
        quarantine = await self._open(key)
        try:
            update = await self._pools.run("git", self._prepare, key, request, quarantine)
        except BaseException:
            quarantine.discard()
            raise
        if update.old == update.new:
            quarantine.discard()
            return CommitResult(update.old, False)
        asked = PushRequest((update,))
        report = await self._concluder.conclude(key, pusher, asked, quarantine, _unheard)
        reason = report.refs[update.ref]
        if not reason:
            return CommitResult(update.new, True, report.messages)
        if reason == _LOST:
            return None
        said = [report.unpack] if report.unpack != "ok" else [reason]
        raise CommitRefused("\n".join([*said, *report.messages]))

    def _prepare(self, key: SpaceKey, request: CommitRequest, quarantine: Quarantine) -> RefUpdate:
        """Make the commit's objects in the quarantine; gives the update that would publish it."""
        folder = self._repositories.path(key)
        try:
            old = read_refs(folder).get(request.ref)
        except FileNotFoundError:
            raise NotFound("This Space has no repository.") from None
        if request.parent is not None and request.parent != old:
            raise ParentChanged(
                f"The branch is at {old}, not at {request.parent}.", hint="Look again."
            )
        new = NewObjects()
        with Objects(folder / "objects") as objects:
            before = None if old == ZERO else _tree_of(objects, old)
            top = Folder(objects, before)
            for operation in request.operations:
                self._apply(objects, top, new, operation, old)
            tree = top.write(new) or new.tree({})
        if tree == (before.hex() if before else EMPTY_TREE) and not request.allow_empty:
            return RefUpdate(request.ref, old, old)
        parents = () if old == ZERO else (old,)
        revision = new.commit(tree, parents, request.author, request.message)
        content, _ = new.pack()
        write_synced(quarantine.pack, content)
        return RefUpdate(request.ref, old, revision)

    def _apply(
        self, objects: Objects, top: Folder, new: NewObjects, operation: Operation, old: str
    ) -> None:
        limits = self._repositories.settings.push
        parts = check_path(operation.path, limits)
        if isinstance(operation, AddFile | AddPointer):
            data = operation.data if isinstance(operation, AddFile) else operation.pointer.text()
            top.put(parts, Leaf(file_mode(top.get(parts)), new.blob(data)))
        elif isinstance(operation, AddLines):
            _add_lines(objects, top, new, operation, parts)
        elif isinstance(operation, CopyFile):
            self._copy(objects, top, operation, parts, operation.revision or old)
        else:
            found = top.get(parts)
            if isinstance(found, Folder) != isinstance(operation, DeleteFolder):
                kind = "folder" if isinstance(operation, DeleteFolder) else "file"
                raise NotFound(f"There is no {kind} {operation.path!r} to remove.")
            top.remove(parts)

    def _copy(
        self, objects: Objects, top: Folder, copy: CopyFile, parts: list[bytes], revision: str
    ) -> None:
        try:
            source = Folder(objects, _tree_of(objects, revision))
        except NoSuchObject:
            raise NotFound(f"There is no revision {revision!r}.") from None
        found = source.get(check_path(copy.source, self._repositories.settings.push))
        if found is None:
            raise NotFound(f"There is no {copy.source!r} to copy.")
        for inner, leaf in _files_of(found, self._repositories.settings.read.entries):
            top.put([*parts, *inner], leaf)


def _add_lines(
    objects: Objects, top: Folder, new: NewObjects, operation: AddLines, parts: list[bytes]
) -> None:
    found, present = top.get(parts), b""
    if isinstance(found, Leaf) and found.mode in (FILE, EXECUTABLE):
        made = new.content(found.oid)
        present = objects.read_as(bytes.fromhex(found.oid), BLOB) if made is None else made
    elif found is not None:
        return
    known = set(present.splitlines())
    lines = [line for line in operation.lines if line not in known]
    between = b"\n" if present and not present.endswith(b"\n") else b""
    whole = present + between + b"".join(line + b"\n" for line in lines)
    if lines and len(whole) <= operation.most:
        top.put(parts, Leaf(file_mode(found), new.blob(whole)))


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


def _unheard(text: str) -> None:
    """Progress of the checks, which nobody watches here; the report has what counts."""
