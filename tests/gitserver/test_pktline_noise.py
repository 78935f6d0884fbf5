"""Malformed packet lines by the ten thousand: recorded requests, damaged, into every machine.

A machine reads a request or refuses it with a sentence; it never fails in another way, never waits
for more than was announced, and says the same however the bytes are cut (GIT-17).
"""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config.git import PushLimits
from gitserver import pktline
from gitserver.pktline import PktError, PktParser
from gitserver.receive.request import BadRequest, RequestParser, State
from gitserver.upload.request import ProtocolError
from gitserver.upload.rules import DEFAULT_RULES
from gitserver.upload.v0 import V0Machine
from gitserver.upload.v2 import V2Machine
from tests.gitserver.writing import push_body

ONE, TWO = "1" * 40, "2" * 40


def lines(*texts: str) -> bytes:
    return b"".join(pktline.line(text.encode()) for text in texts)


V2 = lines("command=fetch", "agent=git/2.39.5", "object-format=sha1") + b"0001"
RECORDED = [
    V2
    + lines("thin-pack", "ofs-delta", f"want {ONE}", f"have {TWO}", "deepen 3", "done")
    + b"0000",
    V2
    + lines(f"shallow {TWO}", "deepen-since 1600000000", "filter tree:0", f"want {ONE}")
    + b"0000",
    lines("command=ls-refs", "server-option=a")
    + b"0001"
    + lines("peel", "ref-prefix HEAD")
    + b"0000",
    lines("command=object-info") + b"0001" + lines("size", f"oid {ONE}") + b"0000",
    lines(f"want {ONE} side-band-64k ofs-delta filter") + b"0000" + lines(f"have {TWO}", "done"),
    lines(f"want {ONE} multi_ack_detailed no-done", "deepen 1", "filter blob:none") + b"0000",
    push_body([(ONE, TWO, "refs/heads/main"), (TWO, ONE, "refs/tags/v1")]),
    push_body(
        [(ONE, TWO, "refs/heads/x")], b"", "report-status push-options atomic", ["one", "two"]
    ),
]
TABLE = ["-001", " 00a", "0x1f", "00_9", "FFFF", "fffg", "0003", "0002", "00", "", "000", "fff1"]


def v0(pieces: list[bytes]) -> object:
    machine = V0Machine(DEFAULT_RULES)
    steps = [step for piece in pieces for step in machine.feed(piece)]
    machine.finish()
    return steps, machine.request


def v2(pieces: list[bytes]) -> object:
    machine = V2Machine(DEFAULT_RULES)
    commands = [command for piece in pieces for command in machine.feed(piece)]
    machine.finish()
    return commands


def push(pieces: list[bytes]) -> object:
    parser = RequestParser(PushLimits())
    rest = b""
    for piece in pieces:
        if parser.state in (State.COMMANDS, State.OPTIONS):
            parser.feed(piece)
        else:
            rest += piece
    parser.finish()
    return parser.request, parser.take_rest() + rest


MACHINES: list[Callable[[list[bytes]], object]] = [v0, v2, push]


def outcome(machine: Callable[[list[bytes]], object], pieces: list[bytes]) -> object:
    try:
        return machine(pieces)
    except (ProtocolError, BadRequest, PktError) as refusal:
        told = pktline.error(str(refusal))
        assert not any(byte < 32 and byte != 10 for byte in told)
        return "refused"


def damaged(dice: random.Random) -> bytes:
    """A recorded request with some bytes changed, lost or put in, or a wrong length in front."""
    wire = bytearray(dice.choice(RECORDED))
    for _ in range(dice.randint(1, 4)):
        at = dice.randint(0, len(wire))
        noise = dice.randbytes(dice.randint(0, 4))
        new = noise if dice.random() < 0.6 else dice.choice(TABLE).encode()
        wire[at : at + dice.randint(0, 5)] = new
    return bytes(wire)


@given(st.integers(0, 2**64), st.integers(1, 60))
@settings(max_examples=500, suppress_health_check=list(HealthCheck), deadline=None)
@pytest.mark.req("GIT-17")
def test_damaged_requests_are_read_or_refused(seed: int, size: int) -> None:
    """Twenty damaged requests for each example: ten thousand in all."""
    dice = random.Random(seed)
    for _ in range(20):
        wire = damaged(dice)
        pieces = [wire[at : at + size] for at in range(0, len(wire), size)]
        for machine in MACHINES:
            assert outcome(machine, [wire]) == outcome(machine, pieces), wire


@pytest.mark.parametrize("digits", TABLE)
@pytest.mark.req("GIT-17")
def test_lengths_that_are_none(digits: str) -> None:
    parser = PktParser()
    with pytest.raises(PktError):
        parser.feed(digits.encode() + b"x" * (0 if len(digits) < 4 else 20))
        list(parser.packets())
        parser.finish()
        raise PktError if not digits else AssertionError(digits)
