"""Refs of a repository as they are on disk now, read cheaply and never stale.

A snapshot is kept until the disk says that something changed: `HEAD`, `packed-refs` or a folder of
loose refs (every update renames a lock file and so touches its folder). Anybody may write the
repository at any time; a file system's clock has coarse ticks, so a stamp that is younger than a
tick proves nothing and such a snapshot serves one request only.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from gitserver.layout import common_of
from spaceport.errors import NotFound, Unavailable

_OID = re.compile(r"[0-9a-f]{40}")
_TICK = 100_000_000
_COARSE_TICK = 2_100_000_000
_MAX_SYMREF = 5
_PACKED = re.compile(rb"^([0-9a-f]{40}) (\S+)\n(?:\^([0-9a-f]{40})\n)?", re.MULTILINE)

Stamp = tuple[tuple[str, int, int, int], ...]


class RefsUnreadable(Unavailable):
    """Raised when refs cannot be read; never mistaken for a repository without refs."""


class RefValue(NamedTuple):
    """Where a ref points. `peeled` is None when unknown, "" when it is no annotated tag."""

    oid: str
    peeled: str | None = None
    target: str = ""
    """The ref that a symbolic ref names."""


@dataclass(frozen=True)
class RefSnapshot:
    """All refs by name at one moment; `head` is the ref HEAD names, or "" when it is detached."""

    refs: dict[str, RefValue]
    head: str
    head_oid: str
    """The id HEAD stands for; "" when its branch does not exist yet."""

    stamp: Stamp
    settled: bool
    common: str = ""
    """Where the refs are, HEAD apart."""

    files: tuple[str, ...] = field(default=(), repr=False)
    """The folders and files of loose refs: who writes a file in place leaves no trace in its
    folder."""

    packed: tuple[tuple[str, int, int, int], dict[str, RefValue]] = field(
        default=(("", 0, 0, 0), {}), repr=False
    )
    """What `packed-refs` held, and its stamp: it is large and seldom changes."""


def read_refs(
    repo: Path, peel: Callable[[str], str | None], before: RefSnapshot | None = None
) -> RefSnapshot:
    """Read every ref. `peel` answers for an annotated tag's id what it stands for at last, "" for
    what is no tag, and None for an object that is missing: such a ref is left out, as git does.
    `before`: an older snapshot of the same repository, of which unchanged parts are taken over.

    Raises `NotFound` when there is no repository and `RefsUnreadable` for anything else: to be out
    of descriptors is not to be empty.
    """
    try:
        return _read(str(repo), peel, before)
    except FileNotFoundError as gone:
        raise NotFound("There is no such repository.") from gone
    except OSError as error:
        raise RefsUnreadable(f"the refs of {repo.name} cannot be read: {error.strerror}") from error


def is_fresh(repo: Path, snapshot: RefSnapshot) -> bool:
    """Whether `snapshot` is what the disk says now."""
    if not snapshot.settled:
        return False
    try:
        return _stamps(str(repo), snapshot.common, snapshot.files) == snapshot.stamp
    except OSError:
        return False


def _read(repo: str, peel: Callable[[str], str | None], before: RefSnapshot | None) -> RefSnapshot:
    common = str(common_of(Path(repo)))
    for _ in range(3):
        packed_stamp = _stamp_of(f"{common}/packed-refs")
        files: list[str] = []
        loose = dict(_loose(common, "refs", files))
        head_text = _read_file(f"{repo}/HEAD")
        stamp = _stamps(repo, common, tuple(files))
        # git writes packed-refs before it removes the loose files; read in the other order, and
        # once more if it was replaced meanwhile, so that no ref is missed between the two.
        packed = _packed(common, packed_stamp, before)
        if _stamp_of(f"{common}/packed-refs") == packed_stamp:
            break
    settled = _is_settled(stamp)
    values = dict(packed)
    symbolic: dict[str, str] = {}
    for name, text in loose.items():
        if text.startswith("ref:"):
            symbolic[name] = text[4:].strip()
        elif _OID.fullmatch(text[:40]):
            values[name] = _keep_peeled(values.get(name), text[:40])
    for name in symbolic:
        values.pop(name, None)
    for name in symbolic:
        final = _follow(name, symbolic)
        if final in values:
            values[name] = RefValue(values[final].oid, values[final].peeled, final)
    refs = dict(_peeled(values, peel))
    head, head_oid = _head(head_text, refs, symbolic)
    if head_oid and not head and peel(head_oid) is None:
        head_oid = ""
    return RefSnapshot(
        dict(sorted(refs.items())),
        head,
        head_oid,
        stamp,
        settled,
        common,
        tuple(files),
        (packed_stamp if settled else ("", 0, 0, 0), packed),
    )


def _peeled(
    values: dict[str, RefValue], peel: Callable[[str], str | None]
) -> Iterator[tuple[str, RefValue]]:
    for name, value in values.items():
        if value.peeled is not None:
            yield name, value
            continue
        peeled = peel(value.oid)
        if peeled is not None:
            yield name, RefValue(value.oid, peeled, value.target)


def _keep_peeled(packed: RefValue | None, oid: str) -> RefValue:
    return packed if packed is not None and packed.oid == oid else RefValue(oid)


def _head(text: str, refs: dict[str, RefValue], symbolic: dict[str, str]) -> tuple[str, str]:
    if text.startswith("ref:"):
        name = _follow(text[4:].strip(), symbolic)
        value = refs.get(name)
        return name, value.oid if value else ""
    return "", text[:40] if _OID.fullmatch(text[:40]) else ""


def _follow(name: str, symbolic: dict[str, str]) -> str:
    for _ in range(_MAX_SYMREF):
        if name not in symbolic:
            break
        name = symbolic[name]
    return name


def _packed(
    repo: str, stamp: tuple[str, int, int, int], before: RefSnapshot | None
) -> dict[str, RefValue]:
    if before is not None and before.packed[0] == stamp and stamp[1]:
        return before.packed[1]
    try:
        with open(f"{repo}/packed-refs", "rb") as file:  # noqa: PTH123
            data = file.read()
    except FileNotFoundError:
        return {}
    header = data[: data.find(b"\n")] if data.startswith(b"#") else b""
    # "fully-peeled": a line without a peeled value says that there is none.
    unknown = "" if b" fully-peeled" in header else None
    return {
        name.decode("utf-8", "surrogateescape"): RefValue(oid.decode(), peeled.decode() or unknown)
        for oid, name, peeled in _PACKED.findall(data)
    }


def _loose(repo: str, folder: str, files: list[str]) -> Iterator[tuple[str, str]]:
    files.append(folder)
    try:
        with os.scandir(f"{repo}/{folder}") as entries:
            found = [(entry.name, entry.is_dir()) for entry in entries]
    except (FileNotFoundError, NotADirectoryError):
        if folder == "refs":
            raise
        return
    for name, is_folder in found:
        path = f"{folder}/{name}"
        if is_folder:
            yield from _loose(repo, path, files)
        elif not name.endswith(".lock"):
            files.append(path)
            try:
                yield path, _read_file(f"{repo}/{path}")
            except (FileNotFoundError, IsADirectoryError):
                continue


def _read_file(path: str) -> str:
    with open(path, "rb") as file:  # noqa: PTH123 - called for every ref
        return file.read(4096).decode("utf-8", "surrogateescape").strip()


def _stamps(repo: str, common: str, files: tuple[str, ...]) -> Stamp:
    shared = (_stamp_of(f"{common}/{name}") for name in ("packed-refs", "shallow", *files))
    return (_stamp_of(f"{repo}/HEAD"), *shared)


def _stamp_of(path: str) -> tuple[str, int, int, int]:
    try:
        status = os.stat(path)  # noqa: PTH116 - called for every folder at every request
    except (FileNotFoundError, NotADirectoryError):
        return (path, 0, 0, 0)
    return (path, status.st_mtime_ns, status.st_size, status.st_ino)


def _is_settled(stamp: Stamp) -> bool:
    now = time.time_ns()
    newest = max(mtime for _, mtime, _, _ in stamp)
    tick = _COARSE_TICK if newest and newest % 1_000_000_000 == 0 else _TICK
    return now - newest > tick
