"""Shards: the files that they name, and limits on everything that they say."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gitserver.xet.shard import BadShard, Segment, Shard, ShardLimits
from tests.gitserver.xet.making import Piece, file_records, name, sha256, shard

LIMITS = ShardLimits()
SMALL = ShardLimits(files=2, file_bytes=100, all_bytes=150, chunk_bytes=10, small_chunks=5)
ONE = sha256(b"one")


def read(tmp_path: Path, data: bytes, limits: ShardLimits = LIMITS) -> Shard:
    path = tmp_path / "shard"
    path.write_bytes(data)
    return Shard(os.open(path, os.O_RDONLY), limits)


@pytest.mark.parametrize("checks", [True, False])
def test_files_and_their_segments(tmp_path: Path, checks: bool) -> None:
    first = [Piece(name(1), 70_000, 0, 2), Piece(name(2), 10, 5, 6)]
    many = [Piece(name(number), 2000, number, number + 1) for number in range(3000)]
    found = read(
        tmp_path,
        shard(
            file_records(ONE, first, checks=checks),
            file_records(sha256(b""), [], checks=checks),
            file_records(sha256(b"many"), many, checks=checks),
        )
        + b"the xorb section is not looked at",
    )
    assert [(file.sha256, file.size) for file in found.files] == [
        (ONE, 70_010),
        (sha256(b""), 0),
        (sha256(b"many"), 6_000_000),
    ]
    assert list(found.segments(found.files[0])) == [
        Segment(name(1), 70_000, 0, 2),
        Segment(name(2), 10, 5, 6),
    ]
    assert list(found.segments(found.files[1])) == []
    assert [segment.start for segment in found.segments(found.files[2])] == list(range(3000))
    found.close()


def piece(size: int, start: int = 0, end: int = 1) -> bytes:
    return file_records(ONE, [Piece(name(1), size, start, end)])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "ends within"),
        (b"\0" * 48, "no shard"),
        (shard(magic=b"HFRepoMetaDat!"), "no shard"),
        (shard(version=3), "version 3"),
        (shard(end=False), "ends within"),
        (shard(piece(1), end=False), "ends within"),
        (shard(piece(1))[:-1], "ends within"),
        (shard(file_records(ONE, [], count=2**32 - 1)), "ends within"),
        (shard(file_records(ONE, [], count=5)), "ends within"),
        (shard(piece(1).replace(b"\xc0", b"\x80", 1)), "without its SHA-256"),
        (shard(piece(1, 1, 1)), "chunks 1 to 1"),
        (shard(piece(1, 2, 1)), "chunks 2 to 1"),
        (shard(piece(101)), "has 101 bytes"),
        (shard(piece(2**32 - 1)), "at most 100"),
        (shard(piece(1), piece(1), piece(1)), "more than 2 files"),
        (shard(piece(100), piece(51)), "more than 150 bytes"),
        (shard(piece(19, 0, 7)), "7 chunks"),
        (shard(piece(19, 0, 2**32 - 1)), "too small"),
    ],
)
def test_a_broken_shard_is_refused(tmp_path: Path, data: bytes, message: str) -> None:
    with pytest.raises(BadShard, match=message):
        read(tmp_path, data, SMALL)


def test_limits_are_reached_before_they_are_passed(tmp_path: Path) -> None:
    found = read(tmp_path, shard(piece(100, 0, 10), piece(50, 0, 10)), SMALL)
    assert [file.size for file in found.files] == [100, 50]
    found.close()


@given(st.binary(max_size=48 * 5), st.booleans())
@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_noise_is_refused_or_read_and_nothing_else(
    tmp_path: Path, data: bytes, started: bool
) -> None:
    try:
        found = read(tmp_path, (shard(end=False) if started else b"") + data, SMALL)
    except BadShard:
        return
    for file in found.files:
        assert sum(segment.size for segment in found.segments(file)) == file.size <= 100
    found.close()


@given(st.data())
@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_a_damaged_shard_never_passes_a_limit(tmp_path: Path, data: st.DataObject) -> None:
    whole = bytearray(shard(piece(60, 0, 2), piece(60, 1, 3)))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = read(tmp_path, bytes(whole), SMALL)
    except BadShard:
        return
    assert len(found.files) <= 2 and sum(file.size for file in found.files) <= 150
    found.close()
