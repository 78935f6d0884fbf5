"""Registering: the right bytes become objects, anything else becomes nothing."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from gitserver.xet.register import XetLimits, register
from gitserver.xet.shard import BadShard, ShardLimits
from gitserver.xet.spool import Spool, SpoolLimits, Upload
from gitserver.xet.xorb import BadXorb, XorbLimits
from spaceport.errors import Invalid
from tests.gitserver.xet.making import Piece, chunk, file_records, name, sha256, shard, xorb

HERE, OTHER = Upload("space-a", "upload-1"), Upload("space-a", "upload-2")
MIB = 1024 * 1024


class Kept:
    """A store in memory, as strict as the real one."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    def expect(self, objects: Sequence[tuple[str, int]]) -> set[str]:
        return {oid for oid, _ in objects if oid not in self.objects}

    def put(self, oid: str, size: int, pieces: Iterable[bytes]) -> None:
        data = b"".join(pieces)
        if hashlib.sha256(data).hexdigest() != oid or len(data) != size:
            raise Invalid("other bytes")
        self.objects[oid] = data


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool", SpoolLimits(MIB * 100, MIB * 100, 0, 100, 60.0))


def send(spool: Spool, number: int, data: bytes, upload: Upload = HERE) -> None:
    with spool.receive(upload, len(data)) as part:
        part.write([data])
        part.keep(spool.xorb(upload, name(number)))


def run(
    spool: Spool, tmp_path: Path, store: Kept, *files: bytes, limits: XetLimits | None = None
) -> int:
    path = tmp_path / "shard"
    path.write_bytes(shard(*files))
    file = os.open(path, os.O_RDONLY)
    return register(spool, HERE, file, store, limits or XetLimits())


def test_files_over_several_xorbs(spool: Spool, tmp_path: Path) -> None:
    store = Kept()
    parts = [os.urandom(5000), bytes(70_000), os.urandom(2000)]
    send(spool, 1, xorb(parts[:2], 2))
    send(spool, 2, xorb([b"not of it" * 1000, parts[2]], 1))
    whole = parts[1] * 3 + parts[0] + parts[2]
    one = Piece(name(1), 70_000, 1, 2)
    pieces = [one, one, one, Piece(name(1), 5000, 0, 1), Piece(name(2), 2000, 1, 2)]
    both = [Piece(name(1), 75_000, 0, 2)]
    records = (
        file_records(sha256(whole), pieces),
        file_records(sha256(parts[0] + parts[1]), both),
        file_records(sha256(whole), pieces),
        file_records(sha256(b""), []),
    )
    assert run(spool, tmp_path, store, *records) == 3
    assert store.objects[sha256(whole)] == whole
    assert store.objects[sha256(parts[0] + parts[1])] == parts[0] + parts[1]
    spool.drop(HERE)
    assert run(spool, tmp_path, store, *records) == 0  # the answer was lost: once more


def test_more_xorbs_than_are_open_at_once(spool: Spool, tmp_path: Path) -> None:
    store, parts = Kept(), [os.urandom(1000) for _ in range(50)]
    for number, part in enumerate(parts):
        send(spool, number, xorb([part]))
    pieces = [Piece(name(number), 1000, 0, 1) for number in range(50)] * 2
    whole = b"".join(parts) * 2
    before = len(list(Path("/proc/self/fd").iterdir()))
    run(spool, tmp_path, store, file_records(sha256(whole), pieces))
    assert store.objects[sha256(whole)] == whole
    assert len(list(Path("/proc/self/fd").iterdir())) == before


GOOD = bytes(range(250)) * 4


@pytest.mark.req("LFS-02")
@pytest.mark.parametrize(
    ("pieces", "digest", "error", "message"),
    [
        ([Piece(name(9), 1000, 0, 1)], sha256(GOOD), BadShard, "not part of this upload"),
        ([Piece(name(2), 1000, 0, 1)], sha256(GOOD), BadShard, "not part of this upload"),
        ([Piece(name(1), 1000, 0, 2)], sha256(GOOD), BadXorb, "no chunks 0 to 2"),
        ([Piece(name(1), 1000, 1, 2)], sha256(GOOD), BadXorb, "no chunks 1 to 2"),
        ([Piece(name(1), 999, 0, 1)], sha256(GOOD), BadShard, "have 1000 bytes"),
        ([Piece(name(1), 1000, 0, 1)], sha256(b"other"), Invalid, "other bytes"),
        ([Piece(name(3), 1000, 0, 1)], sha256(GOOD), BadXorb, "no LZ4 frame"),
    ],
)
def test_nothing_is_kept_of_a_shard_that_is_wrong(
    spool: Spool,
    tmp_path: Path,
    pieces: list[Piece],
    digest: str,
    error: type[Exception],
    message: str,
) -> None:
    store = Kept()
    send(spool, 1, xorb([GOOD]))
    send(spool, 2, xorb([GOOD]), OTHER)
    send(spool, 3, chunk(GOOD, 1, body=b"this is not LZ4 at all"))
    with pytest.raises(error, match=message):
        run(spool, tmp_path, store, file_records(digest, pieces))
    assert store.objects == {}


def test_limits_stand_before_anything_is_read(spool: Spool, tmp_path: Path) -> None:
    store = Kept()
    send(spool, 1, xorb([GOOD]))
    record = file_records(sha256(GOOD), [Piece(name(1), 1000, 0, 1)])
    with pytest.raises(BadShard, match="at most 999"):
        run(spool, tmp_path, store, record, limits=XetLimits(shard=ShardLimits(file_bytes=999)))
    with pytest.raises(BadXorb):
        run(spool, tmp_path, store, record, limits=XetLimits(xorb=XorbLimits(chunk_bytes=999)))
    assert store.objects == {}
