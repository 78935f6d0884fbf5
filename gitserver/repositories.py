"""The folder of all repositories: where each lies, how one is born and how it goes.

    <root>/<first two digits of the key>/<key>.git     ordinary bare repositories
    <root>/incoming/    quarantines of pushes that are being checked
    <root>/new/         repositories that are being made
    <root>/trash/       repositories that are being removed

What lies in the last three is of no worth after a crash; `sweep` removes it at start, which takes
the same time however many repositories there are.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from config.git import GitSettings
from gitserver.building import Leaf, NewObjects, Signature
from gitserver.copy_job import run_copy
from gitserver.durable import sync_folder, write_synced
from gitserver.locks import LOCK_FILE, hold_folder, write_lock
from gitserver.receive.places import Reasons, Storing
from gitserver.receive.quarantine import Quarantine, open_quarantine
from gitserver.receive.rules import SPACE_RULES, ReceiveRules
from gitserver.receive.store import store_push
from gitserver.refs import HEADER, Refs, read_refs
from spaceport.errors import Conflict, Invalid, NotFound
from spaceport.failpoints import failpoint
from spaceport.names import SpaceKey
from spaceport.push import MAIN

T = TypeVar("T")
_KEY = re.compile(r"[0-9a-f]{24}")
_CONFIG = b"[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = true\n"


class Repositories:
    """Knows repositories by the immutable key of their Space; names never reach the disk."""

    def __init__(self, root: Path, settings: GitSettings) -> None:
        self.root = root
        self.settings = settings
        refs = replace(SPACE_RULES.refs, hidden=settings.hidden)
        self._rules = replace(SPACE_RULES, refs=refs)
        for name in ("incoming", "new", "trash"):
            (root / name).mkdir(parents=True, exist_ok=True)

    def path(self, key: SpaceKey) -> Path:
        """Where the repository lies, or would lie. Raises `Invalid` for what is no key."""
        if not _KEY.fullmatch(key):
            raise Invalid(f"{key!r} is no key of a Space.")
        return self.root / key[:2] / f"{key}.git"

    def exists(self, key: SpaceKey) -> bool:
        return (self.path(key) / "HEAD").exists()

    def keys(self) -> Iterator[SpaceKey]:
        """The key of every repository on disk: for the reconciler, never for a page."""
        for folder in sorted(self.root.iterdir()):
            if len(folder.name) == 2:
                for path in sorted(folder.iterdir()):
                    if path.suffix == ".git" and _KEY.fullmatch(path.stem):
                        yield path.stem

    def create(
        self,
        key: SpaceKey,
        files: Mapping[str, bytes],
        author: Signature,
        message: str = "initial commit",
    ) -> str:
        """Make the repository with one commit of `files` on `main`; gives the revision.

        It is there whole or not at all. Raises `Conflict` if the key has a repository.
        """
        return self._bear(key, lambda draft, mark: _lay_out(draft, files, author, message))

    def create_from(self, key: SpaceKey, source: SpaceKey) -> frozenset[str]:
        """Make the repository with the branches and tags of `source`, and all that they reach;
        gives the ids of the large objects that it names.

        It is there whole or not at all, and shares no file that is ever written again. Raises
        `Conflict` if the key has a repository, `NotFound` if the source has none, `Unavailable`,
        `copy_job.CopyFailed`.
        """
        if not self.exists(source):
            raise NotFound("The Space that was to be copied has no repository.")

        def fill(draft: Path, mark: int | None) -> frozenset[str]:
            _lay_out_empty(draft)
            return run_copy(self.path(source), draft, mark, self.settings)

        return self._bear(key, fill)

    def _bear(self, key: SpaceKey, fill: Callable[[Path, int | None], T]) -> T:
        final = self.path(key)
        draft = self.root / "new" / f"{key}-{secrets.token_hex(6)}"
        draft.mkdir()
        mark = hold_folder(draft)
        try:
            made = fill(draft, mark)
            failpoint("create:before-rename")
            final.parent.mkdir(exist_ok=True)
            sync_folder(self.root)
            try:
                draft.rename(final)
            except OSError as error:
                if final.exists():
                    raise Conflict("This Space has a repository already.") from error
                raise
            sync_folder(final.parent)
            failpoint("create:after-rename")
        except BaseException:
            shutil.rmtree(draft, ignore_errors=True)
            raise
        finally:
            if mark is not None:
                os.close(mark)
        return made

    def delete(self, key: SpaceKey) -> None:
        """Remove the repository; no error if there is none. A push that runs meanwhile fails."""
        grave = self.root / "trash" / f"{key}-{secrets.token_hex(6)}"
        path = self.path(key)
        with contextlib.suppress(FileNotFoundError):
            path.rename(grave)
            sync_folder(path.parent)
            failpoint("delete:after-rename")
        shutil.rmtree(grave, ignore_errors=True)

    def refs(self, key: SpaceKey) -> Refs:
        """All refs now. Raises `NotFound` without a repository, `OSError` when reading fails."""
        path = self.path(key)
        try:
            return read_refs(path)
        except FileNotFoundError:
            if self.exists(key):
                raise
            raise NotFound("This Space has no repository.") from None

    def head(self, key: SpaceKey, ref: str = MAIN) -> str | None:
        """The commit that `ref` points at, or None; trouble in reading raises and never is None."""
        return self.refs(key).ids.get(ref)

    def lock(self, key: SpaceKey) -> AbstractContextManager[None]:
        """Hold the repository for writing, here and in every other process."""
        return write_lock(self.path(key), self.settings.lock_wait)

    def objects(self, key: SpaceKey) -> tuple[Path, ...]:
        """The folder of its objects; repositories here borrow nothing from each other."""
        return (self.path(key) / "objects",)

    def rules(self, key: SpaceKey) -> ReceiveRules:
        """The rules of a Space, the same for all."""
        return self._rules

    def shown(self, key: SpaceKey) -> Mapping[str, str]:
        """All refs by name; raises as `refs`."""
        return self.refs(key).ids

    def open_quarantine(self, key: SpaceKey) -> Quarantine:
        """A fresh quarantine for a push."""
        return open_quarantine(*self.scratch(key))

    def scratch(self, key: SpaceKey) -> tuple[Path, str]:
        """Where quarantines go, and how their names begin."""
        return self.root / "incoming", key

    def join_packs_at(self, key: SpaceKey) -> int:
        """From how many packs on small ones are joined."""
        return self.settings.join_packs_at

    def store(self, key: SpaceKey, storing: Storing) -> Reasons:
        """Store a push, all refs in one durable step (see `Places.store`)."""
        return store_push(self.path(key), self.lock(key), self.settings, storing)

    def sweep(self) -> int:
        """Remove what dead processes left; what a living one holds stays. Gives their number."""
        removed = 0
        for name in ("incoming", "new", "trash"):
            for folder in (self.root / name).iterdir():
                removed += _remove_if_dead(folder)
        return removed


def _remove_if_dead(folder: Path) -> bool:
    try:
        mark = hold_folder(folder)
    except (FileNotFoundError, NotADirectoryError):
        return False
    if mark is None:
        return False
    shutil.rmtree(folder, ignore_errors=True)
    os.close(mark)
    return True


def _lay_out_empty(draft: Path) -> None:
    for folder in ("objects/info", "objects/pack", "refs/heads", "refs/tags"):
        (draft / folder).mkdir(parents=True)
    write_synced(draft / "HEAD", f"ref: {MAIN}\n".encode())
    write_synced(draft / "config", _CONFIG)
    write_synced(draft / LOCK_FILE, b"")


def _lay_out(draft: Path, files: Mapping[str, bytes], author: Signature, message: str) -> str:
    _lay_out_empty(draft)
    objects = NewObjects()
    leaves = {path: Leaf(0o100644, objects.blob(data)) for path, data in files.items()}
    revision = objects.commit(objects.nested_tree(leaves), (), author, message)
    objects.write_pack(draft / "objects/pack")
    write_synced(draft / "packed-refs", f"{HEADER}{revision} {MAIN}\n".encode())
    for folder in ("objects/pack", "objects", "refs", "."):
        sync_folder(draft / folder)
    return revision
