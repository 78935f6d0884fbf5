"""The state machine of a push under anything that may arrive, in any pieces (GIT-17)."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.git import PushLimits
from gitserver.pktline import FLUSH_PKT, PktError, pkt
from gitserver.receive.request import BadRequest, RequestParser, State
from spaceport.push import ZERO
from tests.gitserver.writing import push_body

LIMITS = PushLimits(command_bytes=4096, options=3)
ONE, TWO = "1" * 40, "2" * 40
SESSION = push_body(
    [(ONE, TWO, "refs/heads/main"), (ZERO, ONE, "refs/heads/new")],
    b"PACK....",
    "report-status push-options agent=git/2 session-id=x",
    ["one", "two"],
)


def parse(*pieces: bytes) -> RequestParser:
    parser = RequestParser(LIMITS)
    for piece in pieces:
        parser.feed(piece)
    parser.finish()
    return parser


@given(st.lists(st.integers(0, len(SESSION)), max_size=8))
def test_any_pieces_give_the_same(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(SESSION)]
    parser = RequestParser(LIMITS)
    rest = b""
    for start, end in itertools.pairwise(edges):
        parser.feed(SESSION[start:end])
        if parser.state is State.PACK:
            rest += parser.take_rest()
    assert [u.ref for u in parser.request.updates] == ["refs/heads/main", "refs/heads/new"]
    assert parser.request.options == ("one", "two")
    assert rest == b"PACK...."


@pytest.mark.req("GIT-17")
@settings(max_examples=2_000, deadline=None)
@given(st.data())
def test_mutations_are_taken_or_refused(data: st.DataObject) -> None:
    mutated = bytearray(SESSION)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(mutated) - 1))
        change = data.draw(st.sampled_from(("set", "drop", "add", "cut")))
        if change == "set":
            mutated[at] = data.draw(st.integers(0, 255))
        elif change == "drop" and len(mutated) > 1:
            del mutated[at]
        elif change == "add":
            mutated[at:at] = data.draw(st.binary(max_size=8))
        elif at:
            del mutated[at:]
    try:
        parser = parse(bytes(mutated))
    except (BadRequest, PktError):
        return
    assert parser.state in (State.PACK, State.DONE)


@settings(max_examples=500, deadline=None)
@given(st.binary(max_size=200))
def test_noise(noise: bytes) -> None:
    try:
        parser = parse(noise)
    except (BadRequest, PktError):
        return
    assert parser.request.updates == () or parser.state in (State.PACK, State.DONE)


def test_limits_of_the_list() -> None:
    line = pkt(f"{ONE} {TWO} refs/heads/x".encode())
    most = 4096 // len(line)
    assert parse(line * (most - 1) + FLUSH_PKT).state is State.PACK
    with pytest.raises(BadRequest, match="bytes"):
        parse(line * (most + 1) + FLUSH_PKT)
    with pytest.raises(BadRequest, match="options"):
        parse(push_body([(ONE, TWO, "refs/heads/x")], b"", "push-options", ["a", "b", "c", "d"]))


def test_deletes_have_no_pack() -> None:
    assert parse(push_body([(ONE, ZERO, "refs/heads/x")], b"")).state is State.DONE
    assert parse(FLUSH_PKT).state is State.DONE
    assert parse(b"").state is State.DONE
