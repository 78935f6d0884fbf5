"""Keeps a repository small and quick: joins packs, drops what nothing reaches, folds loose refs.

Objects are copied raw. Safe beside readers (open files keep old packs alive, and a reader that
finds a file gone looks again), beside pushes (the repository's lock, and nothing is dropped while
a push is being checked that may count on it) and at `kill -9` at any moment (new packs are durable
before old ones go; an interrupted removal is undone by the next run). Contract: git-server.md 7.5.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from gitserver.durable import sync_folder
from gitserver.locks import hold_folder, write_lock
from gitserver.pack.cruft import SUFFIX, ages_of, is_cruft
from gitserver.pack.file import BLOB, COMMIT, TREE, PackFile
from gitserver.pack.history import History
from gitserver.pack.newpack import Draft, write_draft
from gitserver.pack.parse import LINK_MODE, parse_commit, parse_tag, tree_entries
from gitserver.pack.plan import PackFacts, Work, plan
from gitserver.pack.store import ObjectMissing, ObjectStore
from gitserver.pack.walk import Walk
from gitserver.refs import Refs, read_refs, write_refs
from gitserver.upload.closures import Closure, Closures
from spaceport.failpoints import failpoint
from spaceport.push import ZERO

GRACE = 14 * 24 * 3600.0
"""Seconds for which an object that nothing reaches stays; never less than two hours (GIT-36)."""

LEAST_GRACE = 2 * 3600.0
_ASIDE = ".idx.old"
_SHOWN = ("refs/heads/", "refs/tags/")

Lock = Callable[[], AbstractContextManager[None]]


@dataclass(frozen=True)
class Upkeep:
    """What was done. `dropped`: objects that are gone because nothing reached them."""

    work: Work
    packs_before: int = 0
    packs_after: int = 0
    dropped: int = 0
    postponed: str = ""
    """Why old packs stayed although there was something to do; the next run tries again."""


def being_pushed(incoming: Path, key: str) -> bool:
    """Whether a push to the repository `key` is in quarantine: its process lives."""
    for folder in incoming.glob(f"{key}-*"):
        try:
            mark = hold_folder(folder)
        except OSError:
            continue
        if mark is None:
            return True
        os.close(mark)
    return False


class Maintenance:
    """Maintenance of one repository; synchronous, for a worker process or the command line."""

    def __init__(
        self,
        repo: Path,
        lock: Lock,
        busy: Callable[[], bool],
        *,
        proofs: Path | None = None,
        grace: float = GRACE,
        tick: Callable[[int], None] = lambda count: None,
    ) -> None:
        """`lock` holds the repository for writing; `busy` says whether a push is being checked
        that began earlier. `proofs`: the repository's folder in the upload cache, where it is
        recorded what the new pack is exact for."""
        self._repo = repo
        self._folder = repo / "objects" / "pack"
        self._lock = lock
        self._busy = busy
        self._proofs = proofs
        self._grace = max(grace, LEAST_GRACE)
        self._tick = tick

    def run(self, *, full: bool = False) -> Upkeep:
        """Do what is due; `full` rebuilds everything. Raises `OSError`, `ObjectMissing`,
        `Unavailable` (the lock) or `NotFound`; then the repository is as whole as before."""
        mark = hold_folder(self._folder)
        if mark is None:  # the packs of many pushes are being joined (`maintenance`)
            return Upkeep(Work.NOTHING, postponed="packs are being joined")
        try:
            return self._run(full)
        finally:
            os.close(mark)

    def _run(self, full: bool) -> Upkeep:
        with self._lock():
            self._undo_removal()
            self._sweep()
            refs = read_refs(self._repo)
            if refs.loose:
                write_refs(self._repo, refs, {}, self._peel)
        store = ObjectStore(self._repo / "objects")
        try:
            mine = [pack for pack in store.packs() if self._is_ours(pack)]
            loose = sum(1 for _ in store.loose_oids())
            facts = [PackFacts(pack.path.name, pack.size) for pack in mine if not is_cruft(pack)]
            decision = plan(facts, loose, full=full)
            if decision.work is Work.NOTHING:
                return Upkeep(Work.NOTHING, len(mine), len(mine))
            if decision.work is Work.REBUILD:
                return self._rebuild(store, mine, refs)
            sources = [pack for pack in mine if pack.path.name in decision.packs]
            return self._join(store, sources, refs)
        finally:
            store.close()

    def _join(self, store: ObjectStore, sources: list[PackFile], refs: Refs) -> Upkeep:
        oids = {oid for pack in sources for oid in pack.index.oids()}
        oids.update(store.loose_oids())
        drafts = [write_draft(store, oids, self._tick)]
        return self._swap(Work.JOIN, store, sources, drafts, oids, 0, refs)

    def _rebuild(self, store: ObjectStore, sources: list[PackFile], refs: Refs) -> Upkeep:
        history = History(store)
        shown = [oid for name, oid in refs.ids.items() if name.startswith(_SHOWN)]
        tips = [bytes.fromhex(oid) for oid in dict.fromkeys(shown)]
        exact = Walk(history, tick=self._tick).run(tips, ()).all() if tips else set()
        ages = _ages(store, sources)
        whole = exact.issubset(ages.keys())
        exact.intersection_update(ages)  # an alternate may hold the others
        hidden = [bytes.fromhex(oid) for oid in set(refs.ids.values()).difference(shown)]
        others = Walk(history, tick=self._tick).run(hidden, tips).all() if hidden else set()
        others = others.intersection(ages) - exact
        lost = {oid: age for oid, age in ages.items() if oid not in exact and oid not in others}
        lost = self._still_needed(store, lost)
        drafts: list[Draft] = []
        try:
            for oids in (exact, others):
                if oids:
                    drafts.append(write_draft(store, oids, self._tick))
            if lost:
                drafts.append(write_draft(store, lost.keys(), self._tick, lost))
        except BaseException:
            for draft in drafts:
                draft.discard()
            raise
        kept = exact | others | lost.keys()
        done = self._swap(Work.REBUILD, store, sources, drafts, kept, len(ages) - len(kept), refs)
        if exact and whole and not history.cuts:
            self._prove(store, tips, drafts[0])
        return done

    def _still_needed(self, store: ObjectStore, lost: dict[bytes, float]) -> dict[bytes, float]:
        """Of the objects that no ref reaches: the young, and all that these name, for every
        object that stays must find what it names (pushes rely on it)."""
        oldest = time.time() - self._grace
        pending = [oid for oid, age in lost.items() if age > oldest]
        kept = set(pending)
        while pending:
            for below in _named(store, pending.pop()):
                if below in lost and below not in kept:
                    kept.add(below)
                    pending.append(below)
        return {oid: lost[oid] for oid in kept}

    def _swap(
        self,
        work: Work,
        store: ObjectStore,
        sources: list[PackFile],
        drafts: list[Draft],
        kept: set[bytes],
        dropped: int,
        refs: Refs,
    ) -> Upkeep:
        """Put the new packs in place and take the old ones away, all under the lock."""
        before = len(sources)
        failpoint("upkeep:before-swap")
        with self._lock_for(drafts):
            installed = [draft.install() for draft in drafts]
            sync_folder(self._folder)
            failpoint("upkeep:after-install")
            old = [pack.path for pack in sources if pack.path not in installed]
            postponed = self._why_not(store, old, kept, refs) if dropped else ""
            if not postponed:
                for path in old:
                    path.with_suffix(".idx").rename(path.with_suffix(_ASIDE))
                sync_folder(self._folder)
                failpoint("upkeep:after-hiding")
                # A push that began before this moment may count on an object that is gone now.
                if dropped and self._busy():
                    postponed = "a push is being checked"
                    self._undo_removal()
                else:
                    self._remove(store, old, kept, drops=dropped > 0)
            if postponed:
                return Upkeep(work, before, before + len(installed), 0, postponed)
        return Upkeep(work, before, len(installed), dropped)

    @contextmanager
    def _lock_for(self, drafts: list[Draft]) -> Iterator[None]:
        """The lock; drafts that it cannot be had for are thrown away."""
        try:
            with self._lock():
                yield
        except BaseException:
            for draft in drafts:
                draft.discard()
            raise

    def _why_not(self, store: ObjectStore, old: list[Path], kept: set[bytes], refs: Refs) -> str:
        """Why objects may not be dropped now: what came meanwhile builds on one of them."""
        if self._busy():
            return "a push is being checked"
        now = set(read_refs(self._repo).ids.values()) - {ZERO}
        fresh = [bytes.fromhex(oid) for oid in now.difference(refs.ids.values())]
        if not fresh:
            return ""
        store.refresh()
        there = [bytes.fromhex(oid) for oid in set(refs.ids.values())]
        going = set(old)
        stays = [pack for pack in store.packs() if pack.path not in going]
        for oid in Walk(History(store)).run(fresh, there).all():
            if oid not in kept and all(pack.index.find(oid) is None for pack in stays):
                return "a branch was set to history that was about to go"
        return ""

    def _remove(
        self, store: ObjectStore, old: Iterable[Path], kept: set[bytes], *, drops: bool
    ) -> None:
        for path in old:
            for suffix in (".pack", _ASIDE, SUFFIX, ".rev", ".bitmap"):
                path.with_suffix(suffix).unlink(missing_ok=True)
            failpoint("upkeep:after-one-removal")
        (self._folder / "multi-pack-index").unlink(missing_ok=True)
        for oid in store.loose_oids():
            file = store.loose_file(oid)
            if file is not None and (oid in kept or (drops and not self._is_young(file))):
                file.unlink(missing_ok=True)
        failpoint("upkeep:after-loose")
        if drops:  # git's commit graphs may name commits that are gone
            info = self._repo / "objects" / "info"
            for name in ("commit-graph", "commit-graphs/commit-graph-chain"):
                (info / name).unlink(missing_ok=True)
        sync_folder(self._folder)

    def _undo_removal(self) -> None:
        """Show packs again whose removal was begun and not finished."""
        for path in self._folder.glob(f"*{_ASIDE}"):
            pack = path.with_name(path.name.removesuffix(_ASIDE) + ".pack")
            if pack.exists():
                path.rename(pack.with_suffix(".idx"))
            else:
                path.unlink(missing_ok=True)
        sync_folder(self._folder)

    def _sweep(self) -> None:
        """Remove drafts of runs that died, and what belongs to no pack that readers find."""
        stray = [path for path in self._folder.glob("pack-*") if self._is_stray(path)]
        for path in [*self._folder.glob("tmp_*"), *stray]:
            with suppress(OSError):
                if time.time() - path.stat().st_mtime > LEAST_GRACE:
                    path.unlink()

    def _is_stray(self, path: Path) -> bool:
        """A crash between two renames leaves a pack without an index, or the ages of no pack."""
        index = path.with_suffix(".idx")
        return not index.exists() and not index.with_suffix(_ASIDE).exists()

    def _prove(self, store: ObjectStore, tips: list[bytes], draft: Draft) -> None:
        if self._proofs is None:
            return
        store.refresh()
        name = f"{draft.name}.pack"
        pack = next((pack for pack in store.packs() if pack.path.name == name), None)
        if pack is not None:
            closures = Closures(self._proofs, History(store))
            closures.save(Closure(tuple(sorted(tips)), pack, b""))

    def _is_ours(self, pack: PackFile) -> bool:
        """Not of an alternate, and not marked by somebody as one that must stay."""
        marks = (pack.path.with_suffix(suffix) for suffix in (".keep", ".promisor"))
        return pack.path.parent == self._folder and not any(mark.exists() for mark in marks)

    def _is_young(self, path: Path) -> bool:
        with suppress(OSError):
            return time.time() - path.stat().st_mtime < self._grace
        return True

    def _peel(self, oid: str) -> str | None:
        store = ObjectStore(self._repo / "objects")
        try:
            target, _ = History(store).peel(bytes.fromhex(oid))
        except ObjectMissing:
            return None
        finally:
            store.close()
        return target.hex() if target.hex() != oid else None


def _ages(store: ObjectStore, packs: list[PackFile]) -> dict[bytes, float]:
    """Every object of the packs and every loose one, and when it was last of use."""
    ages: dict[bytes, float] = {}
    for pack in packs:
        for oid, age in ages_of(pack).items():
            ages[oid] = max(age, ages.get(oid, 0.0))
    for oid in store.loose_oids():
        file = store.loose_file(oid)
        with suppress(OSError):
            age = file.stat().st_mtime if file is not None else 0.0
            ages[oid] = max(age, ages.get(oid, 0.0))
    return ages


def _named(store: ObjectStore, oid: bytes) -> list[bytes]:
    """What an object names; nothing for one that is not there."""
    try:
        kind, _ = store.kind_and_size(oid)
        if kind == BLOB:
            return []
        data = store.read(oid)[1]
    except ObjectMissing:
        return []
    if kind == COMMIT:
        commit = parse_commit(data)
        return [commit.tree, *commit.parents]
    if kind == TREE:
        return [entry for mode, _, entry in tree_entries(data) if mode != LINK_MODE]
    return [parse_tag(data)[0]]


def maintain(
    repo: Path,
    incoming: Path,
    *,
    proofs: Path | None = None,
    grace: float = GRACE,
    full: bool = False,
    lock_wait: float = 30.0,
    tick: Callable[[int], None] = lambda count: None,
) -> Upkeep:
    """Maintain a repository of ours; `incoming` is where its pushes wait. Raises as `run`."""
    work = Maintenance(
        repo,
        lambda: write_lock(repo, lock_wait),
        lambda: being_pushed(incoming, repo.stem),
        proofs=proofs,
        grace=grace,
        tick=tick,
    )
    return work.run(full=full)
