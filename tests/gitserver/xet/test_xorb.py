"""Xorbs: what clients send is read, and what strangers make up is refused."""

from __future__ import annotations

import os
from pathlib import Path

import lz4.frame
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gitserver.xet.hashes import hash_bytes, hash_text, is_hash
from gitserver.xet.xorb import BadXorb, Xorb, XorbLimits, unpack
from tests.gitserver.xet.making import chunk, xorb

LIMITS = XorbLimits()
SMALL = XorbLimits(chunks=3, unpacked_bytes=100, chunk_bytes=64)


def test_hashes_are_four_little_endian_numbers() -> None:
    text = hash_text(bytes(range(32)))
    assert text == "07060504030201000f0e0d0c0b0a090817161514131211101f1e1d1c1b1a1918"
    assert hash_bytes(text) == bytes(range(32))


@pytest.mark.parametrize(
    "text", ["", "a" * 63, "a" * 65, "A" * 64, "../" + "a" * 61, "a" * 64 + "\n"]
)
def test_what_is_no_hash(text: str) -> None:
    assert not is_hash(text)
    with pytest.raises(ValueError, match="64"):
        hash_bytes(text)


@given(
    st.lists(st.binary(min_size=1, max_size=300), min_size=1, max_size=8),
    st.sampled_from([0, 1, 2]),
)
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_every_scheme_gives_the_content_back(
    tmp_path: Path, chunks: list[bytes], scheme: int
) -> None:
    path = tmp_path / "xorb"
    path.write_bytes(xorb(chunks, scheme) + b"XETBLOB\x01 whatever follows")
    with Xorb(os.open(path, os.O_RDONLY), LIMITS) as found:
        assert found.index.chunks == len(chunks)
        assert list(found.content(0, len(chunks))) == chunks
        assert found.index.size_of(0, len(chunks)) == sum(map(len, chunks))
        assert list(found.content(len(chunks) - 1, len(chunks))) == chunks[-1:]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "no chunks"),
        (b"XETBLOB", "no chunks"),
        (b"\0\0\0", "within the head"),
        (chunk(b"abcd")[:-1], "within a chunk"),
        (chunk(b"abcd") + b"\0\1", "within the head"),
        (chunk(b"abcd", version=1), "version 1"),
        (chunk(b"abcd", 3), "scheme 3"),
        (chunk(b"abcd", size=5), "raw chunk of 4"),
        (chunk(b"", body=b""), "0 bytes"),
        (chunk(b"a", 1, size=0), "for 0 bytes"),
        (chunk(b"a" * 65), "65 bytes"),
        (chunk(b"a", 1, size=2**24 - 1), "16777215 bytes"),
        (chunk(b"a") * 4, "more than 3 chunks"),
        (chunk(b"a" * 64) * 2, "more than 100 bytes"),
    ],
)
def test_a_broken_xorb_is_refused_as_it_comes(tmp_path: Path, data: bytes, message: str) -> None:
    path = tmp_path / "xorb"
    path.write_bytes(data)
    with pytest.raises(BadXorb, match=message):
        Xorb(os.open(path, os.O_RDONLY), SMALL)


def test_limits_are_reached_before_they_are_passed(tmp_path: Path) -> None:
    path = tmp_path / "xorb"
    path.write_bytes(chunk(b"a" * 64) + chunk(b"b" * 35) + chunk(b"c"))
    with Xorb(os.open(path, os.O_RDONLY), SMALL) as found:
        assert found.index.size_of(0, 3) == 100


@pytest.mark.parametrize(
    "data",
    [
        chunk(b"abcd", 1, body=b"no frame at all"),
        chunk(b"abcd", 1, size=3),
        chunk(b"abcd", 1, size=5),
        chunk(b"abcd", 1, body=lz4.frame.compress(b"abcd")[:-1]),
        chunk(b"abcd", 1, body=lz4.frame.compress(b"abcd") + b"!"),
        chunk(b"abcd", 1, body=lz4.frame.compress(b"ab") + lz4.frame.compress(b"cd")),
        chunk(b"abcd", 1, body=lz4.frame.compress(bytes(1 << 20))),  # a bomb
        chunk(b"abcd", 2, body=lz4.frame.compress(b"abc")),
        chunk(b"abcd", 1, body=b"\x04\x22\x4d\x18"),
    ],
)
def test_a_chunk_that_lies_is_not_inflated(data: bytes) -> None:
    with pytest.raises(BadXorb):
        unpack(data, LIMITS)


def test_frames_of_all_shapes_are_read() -> None:
    data = os.urandom(200_000) + bytes(200_000)
    for options in (
        {"content_checksum": True},
        {"block_checksum": True, "block_linked": False},
        {"store_size": False},
        {"block_size": lz4.frame.BLOCKSIZE_MAX4MB},
    ):
        body = lz4.frame.compress(data, **options)
        assert unpack(chunk(data, 1, body=body), LIMITS) == data


@pytest.mark.parametrize(("start", "end"), [(0, 0), (1, 1), (2, 1), (0, 3), (-1, 1), (2, 3)])
def test_chunks_that_are_not_there(tmp_path: Path, start: int, end: int) -> None:
    path = tmp_path / "xorb"
    path.write_bytes(xorb([b"one", b"two"]))
    with Xorb(os.open(path, os.O_RDONLY), LIMITS) as found, pytest.raises(BadXorb):
        list(found.content(start, end))


@given(st.binary(max_size=200))
@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_noise_is_refused_or_read_and_nothing_else(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "xorb"
    path.write_bytes(data)
    try:
        with Xorb(os.open(path, os.O_RDONLY), SMALL) as found:
            total = sum(len(piece) for piece in found.content(0, found.index.chunks))
            assert total <= SMALL.unpacked_bytes
    except BadXorb:
        pass


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_a_damaged_chunk_is_refused_or_has_its_size(data: st.DataObject) -> None:
    whole = bytearray(chunk(bytes(range(64)) * 4, data.draw(st.sampled_from([1, 2]))))
    at = data.draw(st.integers(0, len(whole) - 1))
    whole[at] = data.draw(st.integers(0, 255))
    try:
        content = unpack(bytes(whole), LIMITS)
    except BadXorb:
        return
    assert len(content) == int.from_bytes(whole[5:8], "little")
