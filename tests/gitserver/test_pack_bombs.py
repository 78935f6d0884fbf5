"""Packs that are made to hurt: refused with a reason, nothing kept, nobody harmed (GIT-18)."""

from __future__ import annotations

import hashlib
import resource
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.git import CheckLimits, GitSettings, PushLimits
from gitserver.objects.entry import BLOB
from spaceport.push import MAIN
from tests.gitserver import packs
from tests.gitserver.packs import OFS_DELTA, REF_DELTA
from tests.gitserver.writing import Server, clone, commit, git, left_behind, raw_push, serving
from tests.waiting import eventually

MIB = 1 << 20
ABSENT = "1" * 40
BASE = packs.blob(b"0123456789" * 100)
TREE = packs.tree(("100644", b"f", packs.oid(BASE)))
ROOT = packs.commit(packs.oid(TREE))
NEW = packs.oid(ROOT)


def deltas(*payload: bytes) -> bytes:
    """BASE, and behind it deltas of which each has the one before as its base."""
    entries = [packs.entry(BASE)]
    for data in payload:
        back = packs.distance(len(entries[-1]))
        entries.append(packs.raw_entry(OFS_DELTA, len(data), zlib.compress(data), back))
    return packs.pack_of(entries)


def cyclic() -> bytes:
    """Two deltas that name each other by id; the ids cannot be right, which nobody can know."""
    data = zlib.compress(packs.delta(10, 10, packs.copy_all(10)))
    size = len(packs.delta(10, 10, packs.copy_all(10)))
    one, two = bytes.fromhex("11" * 20), bytes.fromhex("22" * 20)
    return packs.pack_of(
        [packs.raw_entry(REF_DELTA, size, data, one), packs.raw_entry(REF_DELTA, size, data, two)]
    )


def chain(length: int) -> bytes:
    """`length` deltas on each other, each adding a byte."""
    made, size = [], len(BASE[1])
    for _ in range(length):
        made.append(packs.delta(size, size + 1, packs.copy_all(size) + b"\x01x"))
        size += 1
    return deltas(*made)


ZEROS = zlib.compress(bytes(300 * MIB))
SOUND = packs.pack(ROOT, TREE, BASE)
TABLE = {
    "empty": b"",
    "short": b"PACK",
    "not a pack": b"JUNK" + SOUND[4:-20] + hashlib.sha1(b"JUNK" + SOUND[4:-20]).digest(),
    "version 3": packs.pack_of([packs.entry(BASE)], version=3),
    "count too high": packs.pack_of([packs.entry(BASE)], count=2),
    "count too low": packs.pack_of([packs.entry(BASE), packs.entry(ROOT)], count=1),
    "count 2^32-1": packs.pack_of([packs.entry(BASE)], count=2**32 - 1),
    "truncated": SOUND[:-30],
    "wrong trailer": SOUND[:-1] + bytes([SOUND[-1] ^ 1]),
    "trailing garbage": SOUND + b"garbage",
    "twice the same": packs.pack(ROOT, TREE, BASE, BASE),
    "flipped bit": packs.pack_of([packs.entry(ROOT)[:-8] + b"\xff" + packs.entry(ROOT)[-7:]]),
    "zeros": packs.pack_of([packs.raw_entry(BLOB, 300 * MIB, ZEROS)]),
    "declared small": packs.pack_of([packs.raw_entry(BLOB, 10, ZEROS)]),
    "declared large": packs.pack_of([packs.raw_entry(BLOB, 2**62, zlib.compress(b"x"))]),
    "declared too much": packs.pack_of([packs.raw_entry(BLOB, 11, zlib.compress(b"x" * 10))]),
    "ratio": packs.pack_of([packs.raw_entry(BLOB, 20 * MIB, zlib.compress(bytes(20 * MIB)))]),
    "type 0": packs.pack_of([packs.raw_entry(0, 1, zlib.compress(b"x"))]),
    "type 5": packs.pack_of([packs.raw_entry(5, 1, zlib.compress(b"x"))]),
    "zero distance": packs.pack_of([packs.raw_entry(OFS_DELTA, 3, zlib.compress(b"abc"), b"\0")]),
    "distance before start": packs.pack_of(
        [packs.raw_entry(OFS_DELTA, 3, zlib.compress(b"\1\1\1"), packs.distance(99_999))]
    ),
    "distance into the middle": packs.pack_of(
        [packs.entry(BASE), packs.raw_entry(OFS_DELTA, 3, zlib.compress(b"\1\1\1"), b"\x05")]
    ),
    "base is nowhere": packs.pack_of(
        [packs.raw_entry(REF_DELTA, 3, zlib.compress(b"\1\1\1"), bytes.fromhex(ABSENT))]
    ),
    "cycle": cyclic(),
    "delta of another base": deltas(packs.delta(5, 5, packs.copy_all(5))),
    "delta copies from beyond": deltas(packs.delta(1000, 60_000, packs.copy_all(60_000))),
    "delta makes too little": deltas(packs.delta(1000, 999, packs.copy_all(1000))),
    "delta is cut off": deltas(packs.delta(1000, 1000, b"\x7fabc")),
    "delta command 0": deltas(packs.delta(1000, 1000, b"\0")),
    "delta bomb": deltas(packs.delta(1000, 2**60, packs.copy_all(1000) * 10)),
    "delta bomb in steps": deltas(
        packs.delta(1000, 65_000, packs.copy_all(1000) * 65),
        packs.delta(65_000, 65_000 * 1500, packs.copy_all(65_000) * 1500),
    ),
    "chain": chain(5_000),
    "long size": packs.pack_of([b"\xbf" + b"\xff" * 30 + b"\x01" + zlib.compress(b"")]),
}


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("bombs")) as running:
        yield running


@pytest.mark.req("GIT-18")
@pytest.mark.parametrize("name", list(TABLE))
def test_refused_with_a_reason(target: Server, name: str) -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    lines = raw_push(target, (target.head, NEW, MAIN), pack=TABLE[name])
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert lines[0].startswith("unpack ") and lines[0] != "unpack ok", lines
    assert lines[1] == f"ng {MAIN} unpacker error"
    assert target.head != NEW
    assert after.ru_utime - before.ru_utime < 5
    eventually(lambda: not left_behind(target))


@pytest.mark.req("GIT-18")
def test_the_control_plane_stays_small(target: Server) -> None:
    def resident() -> int:
        fields = Path("/proc/self/statm").read_text().split()
        return int(fields[1]) * resource.getpagesize()

    raw_push(target, (target.head, NEW, MAIN), pack=TABLE["zeros"])
    before = resident()
    for name in ("zeros", "delta bomb", "delta bomb in steps", "declared small"):
        raw_push(target, (target.head, NEW, MAIN), pack=TABLE[name])
    assert resident() - before < 64 * MIB


@pytest.mark.req("GIT-06")
def test_a_hundred_broken_pushes_leave_nothing(target: Server) -> None:
    def stored() -> int:
        return sum(f.stat().st_size for f in target.repositories.root.rglob("*") if f.is_file())

    before = stored()
    for number in range(100):
        broken = SOUND[: -1 - number % 40] if number % 2 else SOUND[:-20] + bytes(20)
        raw_push(target, (target.head, NEW, MAIN), pack=broken)
    assert stored() - before < 64 << 10


def test_a_chain_within_the_limit(tmp_path: Path) -> None:
    with serving(tmp_path / "r") as server:
        entries = chain(4_000)
        head = server.head
        lines = raw_push(server, (head, head, MAIN), pack=entries)
        assert lines == ["unpack ok", f"ok {MAIN}"]


@pytest.mark.parametrize("limit", [3, 2])
def test_the_limit_of_objects(tmp_path: Path, limit: int) -> None:
    with serving(tmp_path / "r", GitSettings(push=PushLimits(objects=limit))) as server:
        line = raw_push(server, (server.head, NEW, MAIN), pack=SOUND)[0]
        assert (line == "unpack ok") == (limit == 3), line


@pytest.mark.parametrize("limit", [1_000, 999])
def test_the_limit_of_one_object(tmp_path: Path, limit: int) -> None:
    with serving(tmp_path / "r", GitSettings(push=PushLimits(object_bytes=limit))) as server:
        line = raw_push(server, (server.head, NEW, MAIN), pack=SOUND)[0]
        assert (line == "unpack ok") == (limit == 1_000), line


@pytest.mark.parametrize("spare", [0, 1])
def test_the_limit_of_all_together(tmp_path: Path, spare: int) -> None:
    total = sum(len(item[1]) for item in (BASE, TREE, ROOT)) - spare
    with serving(tmp_path / "r", GitSettings(push=PushLimits(inflated_bytes=total))) as server:
        line = raw_push(server, (server.head, NEW, MAIN), pack=SOUND)[0]
        assert (line == "unpack ok") == (spare == 0), line


def test_a_child_without_memory(tmp_path: Path) -> None:
    settings = GitSettings(
        push=PushLimits(object_bytes=1 << 30, inflate_ratio=100_000),
        check=CheckLimits(memory=128 << 20),
    )
    wide = packs.delta(1000, 65_000, packs.copy_all(1000) * 65)
    deep = packs.delta(65_000, 65_000 * 4000, packs.copy_all(65_000) * 4000)
    with serving(tmp_path / "r", settings) as server:
        line = raw_push(server, (server.head, NEW, MAIN), pack=deltas(wide, deep))[0]
        assert line.startswith("unpack the pack")
        assert raw_push(server, (server.head, NEW, MAIN), pack=SOUND)[1] == f"ok {MAIN}"


def test_a_child_that_takes_too_long(tmp_path: Path) -> None:
    settings = GitSettings(check=CheckLimits(wall=0.001))
    with serving(tmp_path / "r", settings) as server:
        line = raw_push(server, (server.head, NEW, MAIN), pack=SOUND)[0]
        assert line == "unpack the pack takes too long to be read"


def test_a_large_file_is_named(tmp_path: Path) -> None:
    """The mistake that people really make: the answer names the file and how to mend it."""
    with serving(tmp_path / "r", GitSettings(push=PushLimits(object_bytes=2 * MIB))) as server:
        work = clone(server, tmp_path / "work")
        noise = b"".join(hashlib.sha256(str(n).encode()).digest() for n in range(100_000))
        commit(work, {"models/big.bin": noise, "small": "x"})
        told = git("push", "origin", "HEAD:main", cwd=work, ok=False)
        assert "models/big.bin (3,200,000 bytes)" in told
        assert "git lfs migrate" in told
        assert "file too large" in told
