"""Changing refs of a repository that plain git changes too: with git's own lock files.

Each ref is locked by `<ref>.lock` and compared under it, as git does, so that of two writers one
wins and the other is told. One ref that is set is written as a file of its own. Several, or one
that goes, change by one rename of `packed-refs` while their own files are out of the way, so that
readers and crashes see all or nothing of them.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from gitserver.durable import sync_folder
from gitserver.plain.lock_files import break_stale, create_lock
from gitserver.refs import HEADER
from spaceport.failpoints import failpoint
from spaceport.push import ZERO

_MAX_SYMREF = 5
_WAIT = 1.0
_POLL = 0.01
_TOPS = ("refs", "refs/heads", "refs/tags")

Peel = Callable[[str], str | None]


class RefTrouble(Exception):
    """Raised when a ref cannot be changed; the text is git's."""

    def __init__(self, ref: str, text: str) -> None:
        super().__init__(text)
        self.ref = ref


class Packed(NamedTuple):
    """What `packed-refs` says of a ref; `peeled` is '' where it says nothing."""

    oid: str
    peeled: str = ""


def resolve(common: Path, ref: str) -> str:
    """The ref that is meant in the end when `ref` is a symbolic one."""
    for _ in range(_MAX_SYMREF):
        text = _loose(common, ref)
        if not text.startswith("ref:"):
            return ref
        ref = text[4:].strip()
        if not ref.startswith("refs/") or ".." in ref:
            break
    raise RefTrouble(ref, f"cannot resolve reference '{ref}'")


def value(common: Path, ref: str) -> str:
    """The id that `ref` (no symbolic one) has now, or `ZERO`."""
    text = _loose(common, ref)
    if text:
        return text[:40]
    found = read_packed(common)[0].get(ref)
    return found.oid if found else ZERO


def read_packed(common: Path) -> tuple[dict[str, Packed], bool]:
    """All packed refs, and whether one without a peeled value is known to be no tag object."""
    try:
        data = (common / "packed-refs").read_bytes()
    except FileNotFoundError:
        return {}, True
    found: dict[str, Packed] = {}
    name = ""
    for line in data.decode("utf-8", "surrogateescape").split("\n"):
        if line.startswith("^") and name:
            found[name] = Packed(found[name].oid, line[1:41])
        elif line and not line.startswith("#"):
            name = line[41:]
            found[name] = Packed(line[:40])
    return found, b" fully-peeled" in data.partition(b"\n")[0]


class RefChange(NamedTuple):
    """A ref (no symbolic one), what it must be now, and what it becomes (`ZERO`: gone)."""

    ref: str
    old: str
    new: str


class RefTransaction:
    """Changes some refs together. `prepare`, then `commit`; `close` in any case."""

    def __init__(self, common: Path, changes: Sequence[RefChange], mode: int | None = None) -> None:
        """`mode`: the permissions of files, where the repository says so."""
        self._common = common
        self._changes = sorted(changes)
        self._mode = mode
        self._held: list[Path] = []
        self._going = {change.ref for change in changes if change.new == ZERO}

    def prepare(self) -> None:
        """Lock every ref and compare it. Raises `RefTrouble`, or `OSError`."""
        for change in self._changes:
            self._lock(change.ref)
        packed, _ = read_packed(self._common)
        for change in self._changes:
            self._compare(change, packed)

    def commit(self, peel: Peel) -> None:
        """Make the change, durably; raises `OSError`."""
        if len(self._changes) == 1 and self._changes[0].new != ZERO:
            self._write_file(self._changes[0])
        else:
            self._repack(peel)

    def close(self) -> None:
        """Let go of every lock."""
        for lock in self._held:
            lock.unlink(missing_ok=True)
            if not lock.with_name(lock.name.removesuffix(".lock")).exists():
                _drop_empty(self._common, lock.parent)
        self._held.clear()

    def _lock(self, ref: str) -> None:
        lock = self._common / f"{ref}.lock"
        deadline = time.monotonic() + _WAIT
        while True:
            try:
                lock.parent.mkdir(parents=True, exist_ok=True)
                create_lock(lock)
            except FileExistsError as error:
                if error.filename != str(lock):
                    raise RefTrouble(ref, f"cannot lock ref '{ref}': a ref is in the way") from None
                if break_stale(self._common, lock):
                    continue
                if time.monotonic() > deadline:
                    text = f"Unable to create '{lock.name}': File exists."
                    raise RefTrouble(ref, f"cannot lock ref '{ref}': {text}") from None
                time.sleep(_POLL)
            except FileNotFoundError:  # somebody removed the folder while it was empty
                if time.monotonic() > deadline:
                    raise
            except NotADirectoryError:
                raise RefTrouble(ref, f"cannot lock ref '{ref}': a ref is in the way") from None
            else:
                self._held.append(lock)
                return

    def _compare(self, change: RefChange, packed: Mapping[str, Packed]) -> None:
        ref = change.ref
        text = _loose(self._common, ref)
        now = text[:40] if text else packed[ref].oid if ref in packed else ZERO
        if now != change.old:
            raise RefTrouble(ref, f"cannot lock ref '{ref}': {_unlike(change, now)}")
        if change.old == ZERO and change.new != ZERO:
            other = self._in_the_way(ref, packed)
            if other:
                text = f"'{other}' exists; cannot create '{ref}'"
                raise RefTrouble(ref, f"cannot lock ref '{ref}': {text}")

    def _in_the_way(self, ref: str, packed: Mapping[str, Packed]) -> str:
        """A ref whose name is a folder of this one's, or the other way round."""
        going = self._going
        for number in range(2, ref.count("/") + 1):
            above = "/".join(ref.split("/")[:number])
            if above not in going and (above in packed or (self._common / above).is_file()):
                return above
        below = f"{ref}/"
        for name in packed:
            if name.startswith(below) and name not in going:
                return name
        for path in sorted((self._common / ref).rglob("*")):
            name = path.relative_to(self._common).as_posix()
            if path.is_file() and not name.endswith(".lock") and name not in going:
                return name
        return ""

    def _write_file(self, change: RefChange) -> None:
        path = self._common / change.ref
        new = self._common / f"tmp_ref_{secrets.token_hex(8)}"
        try:
            self._write(new, f"{change.new}\n".encode())
            failpoint("plain:before-ref")
            _remove_empty_tree(path)
            new.replace(path)
        finally:
            new.unlink(missing_ok=True)
        sync_folder(path.parent)
        failpoint("plain:after-ref")

    def _repack(self, peel: Peel) -> None:
        """Replace `packed-refs`, first with the values of our refs' own files, which then go."""
        lock = self._common / "packed-refs.lock"
        self._take_packed_lock(lock)
        try:
            packed, peeled = read_packed(self._common)
            if not peeled:
                packed = {ref: Packed(old.oid, peel(old.oid) or "") for ref, old in packed.items()}
            before = {change.ref: _loose(self._common, change.ref) for change in self._changes}
            loose = {ref: text[:40] for ref, text in before.items() if text}
            if loose:
                packed |= {ref: Packed(oid, peel(oid) or "") for ref, oid in loose.items()}
                self._replace(packed)
                failpoint("plain:before-unlink")
                for ref in loose:
                    (self._common / ref).unlink(missing_ok=True)
                    failpoint("plain:after-unlink")
            for change in self._changes:
                packed.pop(change.ref, None)
                if change.new != ZERO:
                    packed[change.ref] = Packed(change.new, peel(change.new) or "")
            failpoint("plain:before-packed")
            self._replace(packed)
            failpoint("plain:after-packed")
        finally:
            lock.unlink(missing_ok=True)

    def _take_packed_lock(self, lock: Path) -> None:
        deadline = time.monotonic() + _WAIT
        while True:
            try:
                create_lock(lock)
                return
            except FileExistsError:
                if break_stale(self._common, lock):
                    continue
                if time.monotonic() > deadline:
                    ref = self._changes[0].ref
                    raise RefTrouble(ref, "cannot lock packed-refs: File exists.") from None
                time.sleep(_POLL)

    def _replace(self, packed: Mapping[str, Packed]) -> None:
        lines = [HEADER]
        for ref in sorted(packed, key=os.fsencode):
            lines.append(f"{packed[ref].oid} {ref}\n")
            if packed[ref].peeled:
                lines.append(f"^{packed[ref].peeled}\n")
        new = self._common / "packed-refs.new"
        self._write(new, "".join(lines).encode("utf-8", "surrogateescape"))
        new.replace(self._common / "packed-refs")
        sync_folder(self._common)

    def _write(self, path: Path, data: bytes) -> None:
        with path.open("wb") as out:
            out.write(data)
            out.flush()
            if self._mode is not None:
                os.fchmod(out.fileno(), self._mode)
            os.fsync(out.fileno())


def _unlike(change: RefChange, now: str) -> str:
    if change.old == ZERO:
        return "reference already exists"
    if now == ZERO:
        return f"unable to resolve reference '{change.ref}'"
    return f"is at {now} but expected {change.old}"


def _loose(common: Path, ref: str) -> str:
    try:
        return (common / ref).read_bytes()[:4096].decode("utf-8", "surrogateescape").strip()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return ""


def _drop_empty(common: Path, folder: Path) -> None:
    """Remove empty folders, up to those that every repository has."""
    tops = {common / top for top in _TOPS}
    while folder not in tops and common in folder.parents:
        try:
            folder.rmdir()
        except OSError:
            return
        folder = folder.parent


def _remove_empty_tree(path: Path) -> None:
    """Remove a folder without files, which stands where a ref is to be."""
    folders: Iterable[str] = [str(path), *(f for f, _, _ in os.walk(path))]
    for folder in sorted(set(folders), reverse=True):
        with suppress(FileNotFoundError, NotADirectoryError):
            os.rmdir(folder)  # noqa: PTH106
