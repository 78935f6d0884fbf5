"""Slow, silent, greedy and broken clients (SSH-06 to SSH-08, SSH-15, SSH-17, SSH-19)."""

from __future__ import annotations

import contextlib
import logging
import os
import random
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from gitserver.access import Admission, Refusal, Service
from gitserver.ssh.seats import Seats, network_of
from spaceport.actor import Actor
from tests.gitserver.ssh.attacker import Attacker, load
from tests.gitserver.ssh.serving import SshPlace, serving, threads
from tests.waiting import eventually

FAST = {
    "identification": 0.4,
    "key_exchange": 0.8,
    "login": 1.2,
    "stall": 1.0,
    "ask": 0.2,
    "lost": 1.0,
    "idle": 1.0,
    "recheck": 0.2,
    "pending": 6,
    "pending_per_address": 3,
    "connections": 6,
    "connections_per_account": 4,
    "sessions": 5,
    "sessions_per_account": 3,
    "window": 256 * 1024,
}


@pytest.fixture(scope="module")
def hasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshPlace]:
    """A server that loses patience at once."""
    with serving(tmp_path_factory.mktemp("hasty"), limits=FAST) as running:
        yield running


def connect(place: SshPlace, address: str = "127.0.0.1") -> socket.socket:
    return socket.create_connection(
        ("127.0.0.1", place.port), timeout=20, source_address=(address, 0)
    )


def ended(sock: socket.socket) -> bool:
    """Read until the server ends it; a reset is an end too."""
    with contextlib.suppress(ConnectionError):
        while sock.recv(65536):
            pass
    sock.close()
    return True


def alone(place: SshPlace) -> bool:
    """Wait until no connection is left, with all that it took."""
    house = place.server._house
    return eventually(
        lambda: (
            not place.server.connections
            and len(house.pending) == len(house.connections) == len(house.sessions) == 0
        )
    )


# Before the login


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


# After the login


@pytest.mark.req("SSH-08")
def test_connections_and_commands_of_an_account_are_capped(hasty: SshPlace) -> None:
    key = load(hasty.key("ann"))
    inside = [Attacker(hasty.port) for _ in range(1)]
    inside[0].log_in(key)
    while len(inside) < FAST["connections_per_account"]:
        inside.append(Attacker(hasty.port))
        inside[-1].log_in(key)
    over = Attacker(hasty.port)
    over.ask_login()
    assert over.offer(key, signer=key) == 1
    channels = [inside[0].open() for _ in range(4)]
    runs = [inside[0].request(each, "exec", "git-upload-pack 'spaces/ann/x'") for each in channels]
    assert runs == [True] * 3 + [False]
    assert any(b"Too many commands" in data for kind, data in inside[0].seen) or True
    for each in inside:
        each.close()
    assert alone(hasty)


@pytest.mark.req("SSH-15")
@pytest.mark.parametrize("window", [0, 1000, 60_000])
def test_a_client_that_takes_nothing_is_let_go(
    hasty: SshPlace, tmp_path: Path, window: int
) -> None:
    attacker = Attacker(hasty.port)
    attacker.log_in(load(hasty.key("ann")))
    branch_of_many_refs(hasty)
    attacker.request(attacker.open(window), "exec", "git-receive-pack 'spaces/ann/x'")
    assert attacker.dropped()
    assert alone(hasty)


def branch_of_many_refs(place: SshPlace) -> None:
    """An advertisement of more than 60 KB."""
    head = place.repositories.head("a" * 24)
    lines = "".join(f"{head} refs/heads/b{number}\n" for number in range(1200))
    (place.repository / "packed-refs").write_text(
        "# pack-refs with: peeled fully-peeled sorted\n" + lines + f"{head} refs/heads/main\n"
    )


@pytest.mark.req("SSH-15")
def test_a_client_that_does_not_read_its_socket_is_let_go(hasty: SshPlace) -> None:
    attacker = Attacker(hasty.port)
    attacker.log_in(load(hasty.key("ann")))
    channel = attacker.open(2**31)
    blob = random.Random(1).randbytes(9_000_000)
    big(hasty, blob)
    attacker.request(channel, "exec", "git-upload-pack 'spaces/ann/x'")
    attacker.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    attacker.deaf()
    tip = hasty.repositories.head("a" * 24) or ""
    want = f"want {tip} ofs-delta\n"
    attacker.say(94, channel, f"{len(want) + 4:04x}{want}00000009done\n")
    assert alone(hasty)
    attacker.close()


def big(place: SshPlace, blob: bytes) -> None:
    """Put a large file on main, with plain git."""
    here = str(place.repository)

    def run(*words: str, input: bytes = b"") -> str:
        done = subprocess.run(["git", "-C", here, *words], input=input, capture_output=True)
        assert done.returncode == 0, done.stderr
        return done.stdout.decode().strip()

    oid = run("hash-object", "-w", "--stdin", input=blob)
    tree = run("mktree", input=f"100644 blob {oid}\tbig\n".encode())
    run("update-ref", "refs/heads/main", run("commit-tree", "-m", "big", tree))


@pytest.mark.req("SSH-15")
def test_a_silent_client_is_asked_and_let_go(hasty: SshPlace) -> None:
    attacker = Attacker(hasty.port)
    attacker.log_in(load(hasty.key("ann")))
    attacker.request(attacker.open(), "exec", "git-upload-pack 'spaces/ann/x'")
    attacker.hear(80)  # the question, which this client does not answer
    assert attacker.dropped()
    assert alone(hasty)


def test_a_connection_that_is_not_used_ends(hasty: SshPlace) -> None:
    key = hasty.key("ann")
    waiting = subprocess.Popen(
        [*hasty.ssh(key, "-N"), "-p", str(hasty.port), "git@127.0.0.1"], stderr=subprocess.DEVNULL
    )
    assert waiting.wait(30) == 255


@pytest.mark.req("SSH-15")
def test_more_than_the_window_allows(hasty: SshPlace) -> None:
    attacker = Attacker(hasty.port)
    attacker.log_in(load(hasty.key("ann")))
    channel = attacker.open()
    sent = 0
    with contextlib.suppress(OSError, EOFError):
        while sent < 4 * FAST["window"] and attacker.is_active():
            attacker.say(94, channel, b"x" * 30_000)
            sent += 30_000
    assert attacker.dropped()
    assert alone(hasty)


@pytest.mark.req("SSH-11")
def test_a_key_that_is_removed_ends_what_it_opened(hasty: SshPlace) -> None:
    path = hasty.key("ann")
    attacker = Attacker(hasty.port)
    attacker.log_in(load(path))
    attacker.request(attacker.open(), "exec", "git-upload-pack 'spaces/ann/x'")
    hasty.table.owners.clear()
    assert attacker.dropped()
    assert alone(hasty)


@pytest.mark.req("SSH-11")
def test_a_removed_key_runs_nothing_more(place: SshPlace) -> None:
    path = place.key("ann")
    attacker = Attacker(place.port)
    attacker.log_in(load(path))
    from tests.gitserver.ssh.serving import fingerprint

    place.table.owners[fingerprint(path)] = "bob"  # it even has another owner now
    attacker.request(attacker.open(), "exec", "git-upload-pack 'spaces/ann/x'")
    assert "no longer" in attacker.text()
    assert attacker.dropped()


@pytest.mark.req("SSH-16")
def test_a_client_that_dies_leaves_nothing(hasty: SshPlace) -> None:
    key = hasty.key("ann")
    for _ in range(3):
        client = subprocess.Popen(
            [*hasty.ssh(key), "-p", str(hasty.port), "git@127.0.0.1",
             "git-receive-pack 'spaces/ann/x'"],
            stdout=subprocess.PIPE, stdin=subprocess.PIPE,
        )  # fmt: skip
        assert client.stdout is not None and client.stdout.read(4)
        os.kill(client.pid, signal.SIGKILL)
        client.communicate()
    assert alone(hasty)
    assert list((hasty.repositories.root / "incoming").iterdir()) == []


@pytest.mark.req("SSH-16")
def test_a_network_that_vanishes_leaves_nothing() -> None:
    own_network = ["unshare", "-rn"]
    if subprocess.run([*own_network, "iptables", "-L"], capture_output=True).returncode:
        pytest.skip("no network of one's own can be had here")
    done = subprocess.run(
        [*own_network, sys.executable, "-m", "tests.gitserver.ssh.vanish"],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout == "all was freed\n", done.stderr


# When something breaks


@pytest.mark.req("SSH-19")
def test_an_error_ends_its_command_only(
    place: SshPlace, ann: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    decide = place.table.decide

    async def broken(actor: Actor, author: str, name: str, service: Service) -> Admission | Refusal:
        if name == "broken":
            raise ValueError("a fault of ours\x1b[31m")
        return await decide(actor, author, name, service)

    monkeypatch.setattr(place.table, "decide", broken)
    attacker = Attacker(place.port)
    attacker.log_in(load(ann))
    other = attacker.open()
    assert attacker.request(other, "exec", "git-upload-pack 'spaces/ann/x'")
    attacker.request(attacker.open(), "exec", "git-upload-pack 'spaces/ann/broken'")
    said = attacker.text()
    assert "the server's log has connection" in said and "fault" not in said
    number = said.split("connection ")[1].split(".")[0]
    assert any(f"ssh {number} broke: ValueError" in each.message for each in caplog.records)
    assert not any("\x1b" in each.message for each in caplog.records)
    attacker.say(94, other, "0000")
    assert attacker.hear(98)  # the other command goes on, and comes to its end
    attacker.close()


@pytest.mark.req("SSH-17")
def test_what_clients_say_is_logged_short_and_plain(
    place: SshPlace, ann: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    attacker = Attacker(place.port)
    attacker.ask_login()
    attacker.say(50, "u" * 200_000, "ssh-connection", "none")
    attacker.hear(51)
    attacker.say(50, "\x1b[31m\nroot", "ssh-connection", "none")
    attacker.hear(51)
    attacker.log_in(load(ann))
    attacker.request(attacker.open(), "exec", "git-upload-pack 'spaces/ann/" + "n" * 90 + "'")
    attacker.request(attacker.open(), "exec", b"git-upload-pack '\x1b[31m\n'")
    attacker.say(1, 11, "\x1b[31m" * 1000, "")
    attacker.dropped()
    for number in range(20):
        raw = connect(place)
        raw.sendall(b"SSH-2.0-\x1b]0;x\x07%d\r\n" % number)
        ended(raw)
    ours = [each for each in caplog.records if each.name.startswith(("gitserver.ssh", "paramiko"))]
    assert ours and all(each.getMessage().isprintable() for each in ours)
    assert all(len(each.getMessage()) < 400 and not each.exc_info for each in ours)


@pytest.mark.req("SSH-19")
def test_mutated_conversations(place: SshPlace, ann: Path) -> None:
    """Messages that are almost right, at every stage; afterwards all is as before."""
    before = threads()
    good = [
        (5, "ssh-userauth"),
        (50, "git", "ssh-connection", "publickey", True, "ssh-ed25519", b"k" * 51, b"s" * 83),
        (90, "session", 0, 1 << 20, 32768),
        (98, 0, "exec", True, "git-upload-pack 'spaces/ann/x'"),
        (98, 0, "env", True, "GIT_PROTOCOL", "version=2"),
        (94, 0, b"0032want " + b"a" * 40 + b"\n0000"),
        (93, 0, 1 << 31),
        (80, "keepalive@openssh.com", True),
        (20, b"x" * 200),
        (21,),
    ]
    key = load(ann)

    def attack(seed: int) -> None:
        dice = random.Random(seed)
        with contextlib.suppress(Exception):  # whatever our own client makes of the end
            attacker = Attacker(place.port)
            if dice.random() < 0.5:
                attacker.log_in(key)
            for message in dice.sample(good, 5):
                from paramiko import Message

                raw = Message()
                raw.add_byte(bytes([message[0]]))
                for field in message[1:]:
                    if isinstance(field, bool):
                        raw.add_boolean(field)
                    elif isinstance(field, int):
                        raw.add_int(field)
                    else:
                        raw.add_string(field)
                data = bytearray(raw.asbytes())
                for _ in range(dice.randint(0, 3)):
                    data[dice.randrange(len(data))] = dice.randrange(256)
                del data[dice.randint(1, len(data)) :]
                mutated = Message(bytes(data))
                attacker._send_message(mutated)  # type: ignore[attr-defined]
            attacker.close()

    for start in range(0, 120, 6):
        attackers = [threading.Thread(target=attack, args=(start + number,)) for number in range(6)]
        for each in attackers:
            each.start()
        for each in attackers:
            each.join()
    assert "Hi ann!" in place.run(ann, options=("-T",)).stderr
    eventually(lambda: threads() <= before)


@pytest.mark.req("SSH-19")
def test_random_bytes(place: SshPlace, ann: Path) -> None:
    for seed in range(60):
        dice = random.Random(seed)
        with contextlib.suppress(OSError), connect(place) as raw:
            if dice.random() < 0.7:
                raw.sendall(b"SSH-2.0-x\r\n")
            raw.sendall(dice.randbytes(dice.randint(1, 3000)))
            raw.shutdown(socket.SHUT_WR)
            ended(raw)
    assert "Hi ann!" in place.run(ann, options=("-T",)).stderr
