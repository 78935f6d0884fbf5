"""Refs and advertisements of the repositories that are read now, kept while the disk agrees."""

from __future__ import annotations

import hashlib
import itertools
from collections import OrderedDict
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from gitserver.layout import common_of
from gitserver.pack.file import PackDamaged
from gitserver.pack.history import History
from gitserver.pack.parse import Malformed
from gitserver.pack.store import ObjectMissing, ObjectStore
from gitserver.upload.advert import VisibleRefs, advert_v0, advert_v2, ls_refs, visible_refs
from gitserver.upload.policy import RefPolicy
from gitserver.upload.refs import RefSnapshot, RefsUnreadable, is_fresh, read_refs
from gitserver.upload.rules import UploadRules
from gitserver.upload.v2 import LsRefs
from spaceport.pools import Pools

_KEPT = 512
_ANSWERS = 8
_FEW = 500


@dataclass
class _Known:
    snapshot: RefSnapshot
    shallow: tuple[str, ...]
    serial: int
    visible: dict[RefPolicy, VisibleRefs] = field(default_factory=dict)
    adverts: dict[tuple[UploadRules, int, bool], bytes] = field(default_factory=dict)
    answers: dict[tuple[RefPolicy, tuple[str, ...], tuple[bool, bool, bool]], bytes] = field(
        default_factory=dict
    )


class Catalog:
    """Answers from memory when the stamps on disk are the ones that were seen, which costs some
    microseconds; else reads the refs anew on the `git` pool."""

    def __init__(self, pools: Pools) -> None:
        self._pools = pools
        self._known: OrderedDict[Path, _Known] = OrderedDict()
        self._serial = itertools.count(1)

    async def visible(self, repo: Path, policy: RefPolicy) -> tuple[VisibleRefs, int]:
        """What `policy` shows, and a number that changes whenever the refs may have changed.

        Raises `RefsUnreadable`.
        """
        known = await self._current(repo)
        return self._visible(known, policy), known.serial

    async def ls_refs(self, repo: Path, policy: RefPolicy, command: LsRefs) -> bytes:
        """The answer to `ls-refs`; the latest questions are remembered. Raises as `visible`."""
        known = await self._current(repo)
        visible = self._visible(known, policy)
        key = (policy, tuple(sorted(set(command.prefixes))), command.flags)
        answer = known.answers.get(key)
        if answer is None:
            peel, symrefs, unborn = command.flags
            asked = partial(
                ls_refs,
                visible,
                prefixes=command.prefixes,
                peel=peel,
                symrefs=symrefs,
                unborn=unborn,
            )
            few = len(visible.refs) < _FEW and len(command.prefixes) < _FEW
            answer = asked() if few else await self._pools.run("git", asked)
            if len(known.answers) >= _ANSWERS:
                known.answers.clear()
            if len(key[1]) < _FEW:
                known.answers[key] = answer
        return answer

    async def advert(self, repo: Path, rules: UploadRules, version: int, stateless: bool) -> bytes:
        """The bytes that a client is told first. Raises `RefsUnreadable`."""
        known = await self._current(repo)
        if version == 2:
            return advert_v2(rules)
        key = (rules, version, stateless)
        if key not in known.adverts:
            visible = self._visible(known, rules.refs)
            known.adverts[key] = advert_v0(visible, rules, version=version, stateless=stateless)
        return known.adverts[key]

    def _visible(self, known: _Known, policy: RefPolicy) -> VisibleRefs:
        if policy not in known.visible:
            known.visible[policy] = visible_refs(known.snapshot, policy, known.shallow)
        return known.visible[policy]

    async def _current(self, repo: Path) -> _Known:
        known = self._known.get(repo)
        if known is None or not is_fresh(repo, known.snapshot):
            known = await self._pools.run("git", self._read, repo, known)
            self._known[repo] = known
            while len(self._known) > _KEPT:
                self._known.popitem(last=False)
        self._known.move_to_end(repo)
        return known

    def _read(self, repo: Path, before: _Known | None) -> _Known:
        peeler = _Peeler(repo, before.snapshot if before else None)
        try:
            snapshot = read_refs(repo, peeler, before.snapshot if before else None)
        finally:
            peeler.close()
        shallow = tuple(sorted(oid.hex() for oid in peeler.cuts()))
        if before is not None and _same(before, snapshot, shallow):
            before.snapshot = snapshot
            return before
        return _Known(snapshot, shallow, next(self._serial))


class _Peeler:
    """Peels tags, remembering what the snapshot before already said."""

    def __init__(self, repo: Path, before: RefSnapshot | None) -> None:
        self._repo = repo
        self._history: History | None = None
        values = before.refs.values() if before else ()
        self._said = {value.oid: value.peeled or "" for value in values}

    def __call__(self, oid: str) -> str | None:
        if oid in self._said:
            return self._said[oid]
        if self._history is None:
            self._history = History(ObjectStore(common_of(self._repo) / "objects"))
        raw = bytes.fromhex(oid)
        try:
            target, _ = self._history.peel(raw)
        except (ObjectMissing, PackDamaged, Malformed):
            return None
        self._said[oid] = target.hex() if target != raw else ""
        return self._said[oid]

    def cuts(self) -> frozenset[bytes]:
        try:
            text = (common_of(self._repo) / "shallow").read_bytes()
        except OSError:
            return frozenset()
        return frozenset(bytes.fromhex(line.decode()) for line in text.split() if len(line) == 40)

    def close(self) -> None:
        if self._history is not None:
            self._history.store.close()


def _same(before: _Known, snapshot: RefSnapshot, shallow: tuple[str, ...]) -> bool:
    old = before.snapshot
    return (
        old.refs == snapshot.refs
        and (old.head, old.head_oid) == (snapshot.head, snapshot.head_oid)
        and before.shallow == shallow
    )


def cache_name(repo: Path) -> str:
    """The folder, within the cache, of a repository."""
    return hashlib.sha256(str(repo.resolve()).encode("utf-8", "surrogateescape")).hexdigest()[:32]


__all__ = ["Catalog", "RefsUnreadable", "cache_name"]
