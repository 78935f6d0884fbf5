"""The refs of a repository: reading them strictly, and changing many in one durable step.

All refs live in `packed-refs`, which is replaced by one rename: a push of many refs is there or is
not, for every reader and after every crash (GIT-04). Loose ref files, which plain git may have
written, are read, and folded into `packed-refs` by the next change.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from gitserver.durable import sync_folder
from gitserver.objects.entry import BadObject
from spaceport.failpoints import failpoint
from spaceport.push import MAIN, ZERO

HEADER = "# pack-refs with: peeled fully-peeled sorted \n"
_ID = re.compile(r"[0-9a-f]{40}")
_FOREIGN_LOCK_WAIT = 2.0
_FOREIGN_LOCK_AGE = 30.0

Peel = Callable[[str], str | None]
"""Gives the id that a tag object leads to, or None for an object that is no tag."""


class RefsDamaged(BadObject):
    """Raised when a ref exists but does not say what it points at."""


@dataclass(frozen=True)
class Refs:
    """All refs at one moment. Ids are 40 hex digits."""

    ids: Mapping[str, str] = field(default_factory=dict)
    peeled: Mapping[str, str] = field(default_factory=dict)
    """For a ref that points at a tag object: what the tag leads to in the end."""
    head: str = MAIN
    """The branch that HEAD names, whether or not it exists."""
    loose: frozenset[str] = frozenset()
    """Refs that have a file of their own."""
    all_peeled: bool = True
    """Whether a packed ref without an entry in `peeled` is known to be no tag object."""

    def get(self, ref: str) -> str:
        """The id of `ref`, or `ZERO`."""
        return self.ids.get(ref, ZERO)


def read_refs(repository: Path) -> Refs:
    """Every ref. Raises `OSError` or `RefsDamaged`; only true absence reads as "no ref"."""
    head = _read_head(repository)
    loose = _read_loose(repository)  # before packed-refs, since folding goes the other way
    ids, peeled, all_peeled = _read_packed(repository)
    for ref, oid in loose.items():
        if ids.get(ref) != oid:
            peeled.pop(ref, None)
        ids[ref] = oid
    return Refs(ids, peeled, head, frozenset(loose), all_peeled)


def write_refs(repository: Path, refs: Refs, changes: Mapping[str, str], peel: Peel) -> None:
    """Set each ref of `changes` to its id (`ZERO`: delete), all together, durably.

    The caller holds the repository's lock, and `refs` was read under it. When this returns the
    change survives a power cut; when it raises, nothing has changed, or everything has.
    """
    ids = {**refs.ids, **changes}
    kept = {ref: oid for ref, oid in ids.items() if oid != ZERO}
    peeled = _peel_all(kept, refs, peel)
    if refs.loose:  # first the same values packed, then without the files: no moment is wrong
        _replace_packed(repository, dict(refs.ids), _peel_all(refs.ids, refs, peel))
        _remove_loose(repository, refs.loose)
    failpoint("push:before-refs")
    _replace_packed(repository, kept, peeled)
    failpoint("push:after-refs")


def _peel_all(ids: Mapping[str, str], refs: Refs, peel: Peel) -> dict[str, str]:
    peeled = {}
    for ref, oid in ids.items():
        same = refs.all_peeled and refs.ids.get(ref) == oid and ref not in refs.loose
        target = refs.peeled.get(ref) if same else peel(oid)
        if target is not None:
            peeled[ref] = target
    return peeled


def _read_head(repository: Path) -> str:
    text = (repository / "HEAD").read_text("ascii", "replace")
    if not text.startswith("ref: refs/"):
        raise RefsDamaged(f"HEAD of {repository.name} names no branch")
    return text.removeprefix("ref: ").strip()


def _read_loose(repository: Path) -> dict[str, str]:
    found: dict[str, str] = {}
    waiting = [(repository / "refs", "refs/")]
    while waiting:
        folder, prefix = waiting.pop()
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    waiting.append((Path(entry.path), f"{prefix}{entry.name}/"))
                elif not entry.name.endswith(".lock"):
                    with suppress(FileNotFoundError):  # folded meanwhile
                        found[prefix + entry.name] = _read_ref_file(Path(entry.path))
    return found


def _read_ref_file(path: Path) -> str:
    oid = path.read_text("ascii", "replace").strip()
    if not _ID.fullmatch(oid):
        raise RefsDamaged(f"the ref file {path.name} holds no id")
    return oid


def _read_packed(repository: Path) -> tuple[dict[str, str], dict[str, str], bool]:
    try:
        data = (repository / "packed-refs").read_bytes()
    except FileNotFoundError:
        return {}, {}, True
    ids: dict[str, str] = {}
    peeled: dict[str, str] = {}
    name = ""
    for line in data.decode("utf-8", "surrogateescape").split("\n"):
        if line.startswith("^") and name and _ID.fullmatch(line[1:]):
            peeled[name] = line[1:]
        elif line[40:41] == " " and _ID.fullmatch(line[:40]):
            name = line[41:]
            ids[name] = line[:40]
        elif line and not line.startswith("#"):
            raise RefsDamaged(f"packed-refs of {repository.name} has a line that is no ref")
    return ids, peeled, b" fully-peeled" in data.partition(b"\n")[0]


def _replace_packed(repository: Path, ids: Mapping[str, str], peeled: Mapping[str, str]) -> None:
    lines = [HEADER]
    for ref in sorted(ids, key=os.fsencode):
        lines.append(f"{ids[ref]} {ref}\n")
        if ref in peeled:
            lines.append(f"^{peeled[ref]}\n")
    lock = repository / "packed-refs.lock"
    file = _take_git_lock(lock)
    try:
        with os.fdopen(file, "wb") as out:
            out.write("".join(lines).encode("utf-8", "surrogateescape"))
            out.flush()
            failpoint("push:before-refs-sync")
            os.fsync(out.fileno())
        failpoint("push:before-refs-rename")
        lock.replace(repository / "packed-refs")
    except BaseException:
        lock.unlink(missing_ok=True)
        raise
    failpoint("push:after-refs-rename")
    sync_folder(repository)


def _take_git_lock(lock: Path) -> int:
    """Create git's own lock file too, so that a plain git beside us waits.

    We hold the repository's lock, so a file that stays was left by a process that died.
    """
    deadline = time.monotonic() + _FOREIGN_LOCK_WAIT
    while True:
        try:
            return os.open(lock, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        except FileExistsError:
            if time.monotonic() > deadline or _age(lock) > _FOREIGN_LOCK_AGE:
                lock.unlink(missing_ok=True)
            time.sleep(0.02)


def _age(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _remove_loose(repository: Path, loose: frozenset[str]) -> None:
    for ref in loose:
        path = repository / ref
        path.unlink(missing_ok=True)
        for folder in path.parents:  # empty folders would stand in the way of a ref of their name
            if folder in (repository / "refs", repository / "refs/heads", repository / "refs/tags"):
                break
            try:
                folder.rmdir()
            except OSError:
                break
    failpoint("push:after-loose-removed")
