"""Slow, silent and greedy clients that have logged in (SSH-08, SSH-11, SSH-15, SSH-16)."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.gitserver.ssh.attacker import Attacker, load
from tests.gitserver.ssh.hasty import FAST, alone
from tests.gitserver.ssh.serving import SshPlace, fingerprint


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
    command = ("exec", "git-upload-pack 'spaces/ann/x'")
    assert all(inside[0].request(each, *command) for each in channels[:3])
    inside[0].say(98, channels[3], command[0], True, command[1])
    _, said = inside[0].hear(95)
    assert b"Too many commands" in said.asbytes()
    assert inside[0].hear(99, 100)[0] == 100
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


@pytest.mark.req("SSH-11", "API-08")
def test_a_suspended_account_is_out_and_not_even_anonymous(place: SshPlace) -> None:
    path = place.key("eve")
    attacker = Attacker(place.port)
    attacker.log_in(load(path))
    place.table.barred.add("eve")
    attacker.request(attacker.open(), "exec", "git-upload-pack 'spaces/ann/x'")
    assert "no longer" in attacker.text()
    assert attacker.dropped()
    done = place.run(path, options=("-T",))
    assert done.returncode == 255 and "Permission denied (publickey)" in done.stderr


@pytest.mark.req("SSH-11")
def test_a_removed_key_runs_nothing_more(place: SshPlace) -> None:
    path = place.key("ann")
    attacker = Attacker(place.port)
    attacker.log_in(load(path))
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
