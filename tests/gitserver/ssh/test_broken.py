"""When something breaks, and what is logged of it (SSH-17, SSH-19)."""

from __future__ import annotations

import contextlib
import logging
import random
import socket
import threading
from pathlib import Path

import pytest
from paramiko import Message

from gitserver.access import Admission, Refusal, Service
from spaceport.actor import Actor
from tests.gitserver.ssh.attacker import Attacker, load
from tests.gitserver.ssh.hasty import connect, ended
from tests.gitserver.ssh.serving import SshPlace, threads
from tests.waiting import eventually


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
