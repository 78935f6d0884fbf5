"""Packet lines: what is read is what was written, and nothing else is read."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gitserver import pktline
from gitserver.pktline import DELIM, FLUSH, Band, Marker, PktError, PktParser

PACKETS = st.lists(
    st.one_of(
        st.binary(max_size=300),
        st.sampled_from([Marker.FLUSH, Marker.DELIM]),
    ),
    max_size=20,
)


def encode(packets: list[pktline.Packet]) -> bytes:
    return b"".join(
        packet.value if isinstance(packet, Marker) else pktline.pkt(packet) for packet in packets
    )


@settings(deadline=None)
@given(PACKETS, st.integers(min_value=1, max_value=700))
@pytest.mark.req("GIT-17")
def test_any_cut_of_the_stream_gives_the_same_packets(
    packets: list[pktline.Packet], step: int
) -> None:
    wire = encode(packets)
    parser = PktParser(delim=True)
    found: list[pktline.Packet] = []
    for start in range(0, len(wire), step):
        parser.feed(wire[start : start + step])
        found.extend(parser.packets())
    parser.finish()
    assert found == packets


@pytest.mark.req("GIT-17")
@pytest.mark.parametrize(
    "wire",
    [
        b"-001",
        b" 00a",
        b"0x1f",
        b"00_9aaaaa",
        b"FFFF",
        b"fff1",
        b"fffg",
        b"0003",
        b"0002",
        b"0001",
        b"+004",
        b"000\n",
        b"zz",
    ],
)
def test_malformed_lengths_are_refused(wire: bytes) -> None:
    with pytest.raises(PktError):
        pktline.parse_all(wire)


@pytest.mark.req("GIT-17")
@pytest.mark.parametrize("wire", [b"0", b"000", b"0005", b"0010short"])
def test_a_stream_that_ends_inside_a_packet_is_refused(wire: bytes) -> None:
    with pytest.raises(PktError, match="ended inside"):
        pktline.parse_all(wire)


@given(st.binary(max_size=64))
@pytest.mark.req("GIT-17")
def test_any_bytes_are_packets_or_refused(wire: bytes) -> None:
    try:
        packets = pktline.parse_all(wire, delim=True)
    except PktError:
        return
    assert encode(packets).lower()[:4] == wire.lower()[:4]
    assert len(encode(packets)) == len(wire)


def test_the_delimiter_is_for_version_two() -> None:
    assert pktline.parse_all(b"0001", delim=True) == [DELIM]


def test_the_longest_packet_and_one_byte_more() -> None:
    longest = pktline.pkt(b"a" * pktline.MAX_DATA)
    assert longest.startswith(b"fff0")
    assert pktline.parse_all(longest) == [b"a" * pktline.MAX_DATA]
    with pytest.raises(PktError):
        pktline.pkt(b"a" * (pktline.MAX_DATA + 1))


def test_what_follows_the_packets_is_handed_out_raw() -> None:
    parser = PktParser()
    parser.feed(pktline.line(b"command") + pktline.FLUSH_PKT + b"PACK\x00\x00")
    assert parser.next() == b"command\n"
    assert parser.next() is FLUSH
    parser.feed(b"more")
    assert parser.take_rest() == b"PACK\x00\x00more"
    parser.finish()


@given(st.binary(min_size=1, max_size=200_000), st.sampled_from([pktline.MAX_BAND, 995]))
def test_a_band_carries_its_bytes_in_packets_of_the_right_size(data: bytes, size: int) -> None:
    packets = pktline.parse_all(b"".join(pktline.band(Band.DATA, data, size)))
    assert all(isinstance(p, bytes) and p[0] == 1 and len(p) <= size + 1 for p in packets)
    assert b"".join(p[1:] for p in packets if isinstance(p, bytes)) == data


@pytest.mark.req("GIT-39")
def test_text_for_people_has_no_control_bytes() -> None:
    assert pktline.progress("a\x1b[31mb\n") == b"0010\x02a\\x1b[31mb\n"
    assert b"\r" not in pktline.error("no\rway")
