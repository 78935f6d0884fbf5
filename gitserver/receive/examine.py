"""The child process that reads a pushed pack, so that a hostile one can harm nothing but itself.

Waits for a `Job` as JSON on the socket that is its standard input, limits its own memory and time,
and writes a `Result`.
Imports the standard library and this package's stdlib-only modules.
"""

from __future__ import annotations

import errno
import hashlib
import mmap
import os
import resource
import socket
import sys
import zlib
from pathlib import Path

from gitserver.objects.entry import BLOB, COMMIT, NAMES, TREE, BadObject, entry_header
from gitserver.objects.index import Row, write_index
from gitserver.objects.store import NoSuchObject, Objects, ObjectTooLarge
from gitserver.objects.trees import Entry
from gitserver.receive.closure import Closure, describe_tip
from gitserver.receive.fsck.gitmodules import MAX_BYTES as MAX_GITMODULES
from gitserver.receive.fsck.gitmodules import check_gitmodules
from gitserver.receive.fsck.headers import Problem, check_commit, check_tag
from gitserver.receive.fsck.judge import Judge
from gitserver.receive.fsck.names import is_dot_file, is_gitmodules
from gitserver.receive.fsck.trees import TreeChecker
from gitserver.receive.job import Job, Result
from gitserver.receive.newfiles import paths_of
from gitserver.receive.scan import Found, PackRefused, Scanner

_SPECIAL = b".gG\xe2\xef"
"""What the spellings of `.gitmodules` and its like begin with."""

_LONGEST_ATTRIBUTE_LINE = 2048


class Examination:
    """One pack from its bytes to a verdict."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._quarantine = Path(job.quarantine)
        self._folders = tuple(map(Path, job.objects))
        self._store = Objects(*self._folders)
        self._closure = Closure()
        self._trees = TreeChecker(self._on_entry)
        self._judge = Judge(job)

    def run(self) -> Result:
        """Raises `PackRefused`, `BadObject`, `MemoryError` or `OSError`; else the verdict."""
        found, checksum = self._read_pack()
        name = self._keep(found, checksum) if found.oids else ""
        problems, warnings = self._judge.problems, self._judge.warnings
        with Objects(self._quarantine, *self._folders) as both:
            if self._job.fsck:
                self._check_special_blobs(found, both)
            for text in self._closure.too_deep(self._job.max_folders, self._job.max_path):
                problems.append(f"largePathname: {text}")
            if problems:  # such objects are not to be walked
                return Result(name=name, problems=tuple(problems))
            return Result(
                name=name,
                warnings=tuple(warnings),
                objects=len(found.kinds),
                missing=tuple(self._closure.missing(found.kinds, self._store)),
                too_large=tuple(paths_of(both, found.kinds, found.too_large, self._job.tips)),
                tips=tuple(describe_tip(both, oid) for oid in self._job.tips),
            )

    def _read_pack(self) -> tuple[Found, bytes]:
        """Scan, resolve, check; complete a thin pack; gives its objects and its checksum."""
        with Path(self._job.pack).open("r+b") as file:
            size = os.fstat(file.fileno()).st_size
            if size < 32:
                raise PackRefused("the pack is cut off")
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
                scanner = Scanner(mapped, self._job, self._on_object)
                try:
                    scanner.scan()
                    borrowed = scanner.resolve(self._lend)
                finally:
                    scanner.release()
                checksum = mapped[size - 20 :]
            if borrowed:
                checksum = self._complete(file.fileno(), size - 20, scanner.found, borrowed)
            os.fsync(file.fileno())
        return scanner.found, checksum

    def _lend(self, oid: bytes) -> tuple[int, bytes] | None:
        try:
            return self._store.read(oid, self._job.max_object)
        except NoSuchObject:
            return None
        except ObjectTooLarge:
            raise PackRefused("a delta's base is too large") from None

    def _complete(self, fd: int, end: int, found: Found, borrowed: list[bytes]) -> bytes:
        """Append the bases that a thin pack left out, so that the pack stands by itself."""
        at = end
        for oid in borrowed:
            kind, data = self._store.read(oid)
            entry = entry_header(kind, len(data)) + zlib.compress(data)
            _write_all(fd, entry, at)
            found.offsets.append(at)
            found.crcs.append(zlib.crc32(entry))
            found.oids.append(oid)
            at += len(entry)
        _write_all(fd, len(found.oids).to_bytes(4, "big"), 8)
        os.ftruncate(fd, at)
        checksum = _hash_file(fd)
        _write_all(fd, checksum, at)
        return checksum

    def _keep(self, found: Found, checksum: bytes) -> str:
        """Name the pack, and write its index beside it; both durable."""
        folder = self._quarantine / "pack"
        name = f"pack-{checksum.hex()}"
        Path(self._job.pack).rename(folder / f"{name}.pack")
        with (folder / f"{name}.idx").open("xb") as out:
            rows: list[Row] = sorted(found.rows())
            write_index(out, rows, checksum)
            out.flush()
            os.fsync(out.fileno())
        return name

    def _on_object(self, oid: bytes, kind: int, data: bytes) -> None:
        if kind == TREE:
            self._on_tree(oid, data)
            return
        if self._job.fsck:
            problems = list(check_commit(data) if kind == COMMIT else check_tag(data))
            if self._judge.report(kind, oid, problems):
                return
        try:
            (self._closure.commit if kind == COMMIT else self._closure.tag)(data)
        except BadObject:  # git cannot read it either, whatever its checks are told to pass
            self._closure.unreadable(oid)

    def _on_tree(self, oid: bytes, data: bytes) -> None:
        lines, problems = self._trees.check(data)
        if self._job.fsck:
            self._judge.report(TREE, oid, problems)
        if any(message_id == "badTree" for message_id, _ in problems):
            self._closure.unreadable(oid)
        self._closure.tree(oid, lines)

    def _on_entry(self, entry: Entry) -> None:
        self._closure.entry(entry)
        if entry.is_link:
            self._closure.symlinks.add(entry.oid)
        elif entry.name[:1] in _SPECIAL:
            if is_gitmodules(entry.name):
                self._closure.gitmodules.add(entry.oid)
            elif is_dot_file(entry.name, b"gitattributes", b"gi7d29"):
                self._closure.gitattributes.add(entry.oid)

    def _check_special_blobs(self, found: Found, objects: Objects) -> None:
        for oid in self._closure.gitmodules:
            self._judge.report(BLOB, oid, list(self._check_gitmodules(oid, objects)))
        for oid in self._closure.gitattributes & found.kinds.keys():
            found_here = list(_check_attributes(oid, objects, self._job.max_object))
            self._judge.report(BLOB, oid, found_here)
        for oid in self._closure.symlinks & found.kinds.keys():
            self._judge.report(BLOB, oid, list(_check_link(oid, objects, self._job.max_symlink)))

    def _check_gitmodules(self, oid: bytes, objects: Objects) -> list[Problem]:
        try:
            kind, data = objects.read(oid, MAX_GITMODULES)
        except NoSuchObject:
            return []  # the closure reports it
        except ObjectTooLarge:
            return [("gitmodulesLarge", ".gitmodules is too large to be read")]
        if kind != BLOB:
            return [("gitmodulesBlob", f"non-blob found at .gitmodules: a {NAMES[kind]}")]
        return list(check_gitmodules(data))


def _check_link(oid: bytes, objects: Objects, limit: int) -> list[Problem]:
    kind, size = objects.kind_and_size(oid)
    if kind != BLOB:
        return []  # the closure reports it
    if size > limit:
        return [("symlinkTargetLength", f"a symbolic link's target has {size} bytes")]
    if b"\0" in objects.read(oid)[1]:
        return [("symlinkTargetNul", "a symbolic link's target has a NUL")]
    return []


def _check_attributes(oid: bytes, objects: Objects, limit: int) -> list[Problem]:
    kind, data = objects.read(oid, limit)
    if kind != BLOB:
        return [("gitattributesBlob", "non-blob found at .gitattributes")]
    if any(len(line) >= _LONGEST_ATTRIBUTE_LINE for line in data.split(b"\n")):
        return [("gitattributesLineLength", ".gitattributes has too long lines to parse")]
    return []


def _write_all(fd: int, data: bytes, at: int) -> None:
    view = memoryview(data)
    while view:
        written = os.pwrite(fd, view, at)
        view, at = view[written:], at + written


def _hash_file(fd: int) -> bytes:
    hashed = hashlib.sha1(usedforsecurity=False)
    at = 0
    while piece := os.pread(fd, 1 << 20, at):
        hashed.update(piece)
        at += len(piece)
    return hashed.digest()


def examine(job: Job) -> Result:
    """The verdict on a pack, whatever it is."""
    try:
        return Examination(job).run()
    except (PackRefused, BadObject) as refused:
        return Result(error=str(refused))
    except MemoryError:
        return Result(error="the pack needs more memory to be read than is allowed")
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        return Result(
            error=f"the server could not store the pack ({error.strerror})", no_space=full
        )


def main() -> None:
    # The quarantine's mark comes first, and is held until we end, however we do.
    with socket.socket(fileno=os.dup(0)) as door:
        first, _, _, _ = socket.recv_fds(door, 1, 1)
    if not first:
        return  # the server has gone, or needs us no more
    job = Job.from_json(sys.stdin.read())
    room = job.memory + Path(job.pack).stat().st_size
    resource.setrlimit(resource.RLIMIT_AS, (room, room))
    resource.setrlimit(resource.RLIMIT_CPU, (job.cpu, job.cpu + 5))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.stdout.write(examine(job).to_json())


if __name__ == "__main__":
    main()
