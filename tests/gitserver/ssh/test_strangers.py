"""Slow, silent and greedy clients before they log in (SSH-06 to SSH-08)."""

from __future__ import annotations

import contextlib
import struct
from pathlib import Path

import pytest

from gitserver.ssh.seats import Seats, network_of
from tests.gitserver.ssh.attacker import Attacker, load
from tests.gitserver.ssh.hasty import alone, connect, ended
from tests.gitserver.ssh.serving import SshPlace, threads
from tests.waiting import eventually


@pytest.mark.req("SSH-07")
def test_a_trickled_identification_ends_on_time(hasty: SshPlace) -> None:
    with connect(hasty) as slow, contextlib.suppress(ConnectionError):
        slow.settimeout(0.05)
        heard = b"x"
        while heard:
            slow.sendall(b"S")
            with contextlib.suppress(TimeoutError):
                heard = slow.recv(100)
    assert alone(hasty)


@pytest.mark.req("SSH-07")
@pytest.mark.parametrize("stage", ["nothing", "half a line", "identified", "keyed", "half a login"])
def test_stopping_half_way_ends_on_time(hasty: SshPlace, stage: str) -> None:
    if stage in ("keyed", "half a login"):
        attacker = Attacker(hasty.port)
        if stage == "half a login":
            attacker.ask_login()
        assert attacker.dropped()
    else:
        silent = connect(hasty)
        silent.sendall({"half a line": b"SSH-2.0", "identified": b"SSH-2.0-x\r\n"}.get(stage, b""))
        assert ended(silent)
    assert alone(hasty)


@pytest.mark.req("SSH-07")
@pytest.mark.parametrize(
    "line",
    [
        b"S" * 300,
        b"SSH-2.0-" + b"x" * 300 + b"\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"\r\n" * 50,
        b"SSH-1.5-old\r\n",
        b"SSH-2.0-\x1b[31m\r\n",
        b"SSH-2.0-\xff\r\n",
        b"SSH-2.0-nul\x00\r\n",
        b"SSH-\r\n",
    ],
)
def test_what_is_no_identification(place: SshPlace, line: bytes) -> None:
    raw = connect(place)
    raw.sendall(line)
    assert ended(raw)


@pytest.mark.req("SSH-07")
@pytest.mark.parametrize(("length", "taken"), [(255, True), (256, False)])
def test_an_identification_may_be_so_long(place: SshPlace, length: int, taken: bool) -> None:
    with connect(place) as raw:
        raw.sendall(b"SSH-2.0-".ljust(length - 2, b"x") + b"\r\n")
        heard = b""
        with contextlib.suppress(ConnectionError):
            while b"mlkem" not in heard and b"curve25519" not in heard:
                data = raw.recv(4096)
                if not data:
                    break
                heard += data
        assert (b"curve25519" in heard) == taken


@pytest.mark.req("SSH-06")
@pytest.mark.parametrize("length", [2**30, 2**31 - 1, 2**32 - 1, 256 * 1024 + 12, 0, 1, 4, 5])
def test_a_packet_that_declares_too_much_or_nothing(place: SshPlace, length: int) -> None:
    raw = connect(place)
    raw.sendall(b"SSH-2.0-x\r\n")
    with contextlib.suppress(ConnectionError):  # it may be over while we still send
        raw.sendall(struct.pack(">I", length) + b"\x04" * 64)
    assert ended(raw)


@pytest.mark.req("SSH-06")
def test_a_packet_may_declare_as_much_as_the_limit(place: SshPlace) -> None:
    most = place.limits().packet_bytes
    with connect(place) as raw:
        raw.sendall(b"SSH-2.0-x\r\n")
        payload = b"\x02" + b"i" * (most - 10)  # an ignored message
        length = most + 4  # four bytes of it come with the first block
        padding = length - 1 - len(payload)
        raw.sendall(struct.pack(">IB", length, padding) + payload + b"\0" * padding)
        heard = b""
        while b"curve25519" not in heard:  # it was read whole, and the exchange goes on
            data = raw.recv(65536)
            assert data
            heard += data


@pytest.mark.req("SSH-06")
def test_after_the_login_the_cap_is_the_same(place: SshPlace, ann: Path) -> None:
    attacker = Attacker(place.port)
    attacker.log_in(load(ann))
    attacker.socket.sendall(struct.pack(">I", 2**30) + b"x" * 64)
    assert attacker.dropped()


@pytest.mark.req("SSH-08")
def test_silent_connections_are_capped_by_address_and_in_all(hasty: SshPlace) -> None:
    addresses = ["127.0.0.1"] * 5 + ["127.0.0.2"] * 5 + ["127.0.0.3"] * 5
    silent = [connect(hasty, address) for address in addresses]
    greeted = []
    for sock, address in zip(silent, addresses, strict=True):
        with contextlib.suppress(ConnectionError):
            if sock.recv(64).startswith(b"SSH-2.0-"):
                greeted.append(address)
    assert greeted == ["127.0.0.1"] * 3 + ["127.0.0.2"] * 3
    for sock in silent:
        sock.close()
    assert alone(hasty)
    assert eventually(lambda: threads() == 0 or not hasty.server.connections)


@pytest.mark.req("SSH-08")
def test_a_flood_from_one_address_leaves_room_for_others(place: SshPlace, ann: Path) -> None:
    before = threads()
    silent = [connect(place) for _ in range(200)]
    assert threads() - before <= place.limits().pending_per_address
    done = place.run(ann, options=("-T", "-b", "127.0.0.9"))
    assert "Hi ann!" in done.stderr
    for sock in silent:
        sock.close()
    eventually(lambda: threads() <= before)


def test_seats_are_counted_for_each_and_in_all() -> None:
    seats = Seats(3, 2)
    assert [seats.take(who) for who in "aaab"] == [True, True, False, True]
    assert not seats.take("c") and len(seats) == 3
    seats.leave("a")
    assert seats.take("c") and len(seats) == 3
    for who in "abc":
        seats.leave(who)
    assert len(seats) == 0


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("elsewhere", "elsewhere"),
    ],
)
def test_an_ipv6_network_counts_as_one_address(address: str, network: str) -> None:
    assert network_of(address) == network
