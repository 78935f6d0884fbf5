"""Git's commands and nothing else (SSH-09, SSH-10, SSH-16)."""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path

import pytest

from gitserver.access import Service
from gitserver.ssh.command import (
    CommandRefused,
    GitCommand,
    LfsAuthenticate,
    Operation,
    parse_command,
)
from tests.gitserver.ssh.attacker import Attacker, load
from tests.gitserver.ssh.serving import SshPlace

READ, WRITE = Service.UPLOAD_PACK, Service.RECEIVE_PACK
LONGEST = 4096


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("git-upload-pack 'spaces/ann/x'", GitCommand(READ, "ann", "x")),
        ("git-upload-pack '/spaces/ann/x.git'", GitCommand(READ, "ann", "x")),
        ("git-upload-pack spaces/ann/x/", GitCommand(READ, "ann", "x")),
        ("git upload-pack 'spaces/ann/x'", GitCommand(READ, "ann", "x")),
        ("git-receive-pack '/spaces/Ann-1/x.y_z.git'", GitCommand(WRITE, "Ann-1", "x.y_z")),
        ("git-receive-pack 'spaces/an'n/x", GitCommand(WRITE, "ann", "x")),
        (
            "git-lfs-authenticate spaces/ann/x.git upload",
            LfsAuthenticate(Operation.UPLOAD, "ann", "x"),
        ),
        (
            "git-lfs-authenticate '/spaces/ann/x' download",
            LfsAuthenticate(Operation.DOWNLOAD, "ann", "x"),
        ),
    ],
)
def test_what_git_writes(line: str, command: GitCommand) -> None:
    assert parse_command(line.encode(), longest=LONGEST) == command


@pytest.mark.req("SSH-10", "LFS-12")
@pytest.mark.parametrize(
    "line",
    [
        "git-upload-pack",
        "git-upload-pack ''",
        "git-upload-pack --strict spaces/ann/x",
        "git-upload-pack --strict 'spaces/ann/x'",
        "git-upload-pack -- 'spaces/ann/x'",
        "git-upload-pack 'spaces/ann/x' 'spaces/ann/y'",
        "git-upload-pack 'spaces/ann/x' ; id",
        "git-upload-pack 'spaces/ann/x';id",
        "git-upload-pack $(id)",
        "git-upload-pack `id`",
        "git-upload-pack spaces/ann/x&",
        "git-upload-pack spaces/ann/x|id",
        "git-upload-pack 'spaces/ann/x",
        "git-upload-pack  'spaces/ann/x'",
        'git-upload-pack "spaces/ann/x"',
        "git-upload-pack 'spaces/ann/x\n'",
        "git-upload-pack 'spaces/ann/x'\nid",
        "git-upload-pack 'spaces/ann/x\0'",
        "git-upload-pack 'spaces/ann/x\x1b[31m'",
        "git-upload-pack 'spaces/../x'",
        "git-upload-pack '../spaces/ann/x'",
        "git-upload-pack '/spaces/ann/..'",
        "git-upload-pack '//spaces/ann/x'",
        "git-upload-pack 'spaces//x'",
        "git-upload-pack 'spaces/ann/x/y'",
        "git-upload-pack 'spaces/ann/x.git.git/y'",
        "git-upload-pack 'spaces/ann/%2e%2e'",
        "git-upload-pack '/etc/passwd'",
        "git-upload-pack 'spaces/a'\\''n/x'",
        "git-upload-pack 'models/ann/x'",
        "git-upload-pack 'spaces/ann/" + "x" * 101 + "'",
        "git-upload-pack '" + "x" * LONGEST + "'",
        "git-lfs-authenticate spaces/ann/x",
        "git-lfs-authenticate spaces/ann/x destroy",
        "git-lfs-authenticate spaces/ann/x upload download",
        "git-lfs-authenticate spaces/ann/../../x upload",
        "git-lfs-authenticate --help upload",
        "$(id)",
        "'spaces/ann/x' ; id",
        "",
        "\xff",
    ],
)
def test_what_it_does_not(line: str) -> None:
    with pytest.raises(CommandRefused) as refused:
        parse_command(line.encode("latin-1"), longest=LONGEST)
    assert refused.value.status == 1 and refused.value.message


@pytest.mark.parametrize(
    "line",
    ["git-upload-archive 'spaces/ann/x'", "git-lfs-transfer spaces/ann/x upload", "scp -t /tmp",
     "bash", "/bin/sh", "git", "rsync --server -e.LsfxC . x", "svnserve"],
)  # fmt: skip
def test_other_programs(line: str) -> None:
    with pytest.raises(CommandRefused) as refused:
        parse_command(line.encode(), longest=LONGEST)
    assert refused.value.status == 127


@pytest.mark.req("SSH-10")
def test_a_command_may_be_so_long() -> None:
    line = b"git-upload-pack 'spaces/ann/x'"
    assert parse_command(line, longest=len(line))
    with pytest.raises(CommandRefused, match="at most"):
        parse_command(line, longest=len(line) - 1)


@pytest.mark.req("SSH-16")
@pytest.mark.parametrize(
    ("line", "status", "said"),
    [
        ("git-upload-pack 'spaces/ann/absent'", 1, "Repository not found"),
        ("git-upload-pack 'spaces/ann/x' 'y'", 1, "one repository"),
        ("git-upload-archive 'spaces/ann/x'", 127, "makes no archives"),
        ("git-lfs-transfer spaces/ann/x upload", 127, "over HTTP"),
        ("rm -rf /", 127, "Only git"),
    ],
)
def test_the_client_gets_the_status_and_the_words(
    place: SshPlace, ann: Path, line: str, status: int, said: str
) -> None:
    done = place.run(ann, line)
    assert done.returncode == status and said in done.stderr and done.stdout == ""


@pytest.mark.req("SSH-09")
def test_requests_that_are_refused(place: SshPlace, ann: Path) -> None:
    attacker = Attacker(place.port)
    attacker.log_in(load(ann))
    channel = attacker.open()
    for refused in (
        ("pty-req", "xterm", 80, 24, 0, 0, b""),
        ("x11-req", False, "MIT-MAGIC-COOKIE-1", b"00", 0),
        ("auth-agent-req@openssh.com",),
        ("env", "PATH", "/tmp"),
        ("env", "GIT_DIR", "/tmp"),
        ("env", "GIT_PROTOCOL", "version=2:" + "x" * 256),
        ("subsystem", "sftp"),
        ("signal", "TERM"),
    ):
        assert not attacker.request(channel, *refused), refused
    assert attacker.request(channel, "env", "GIT_PROTOCOL", "version=2")
    for kind in ("direct-tcpip", "direct-streamlocal@openssh.com", "x11", "tun@openssh.com"):
        attacker.say(90, kind, 9, 1 << 20, 32768, "127.0.0.1", 22, "127.0.0.1", 1)
        assert attacker.hear(91, 92)[0] == 92
    for forward in ("tcpip-forward", "streamlocal-forward@openssh.com"):
        attacker.say(80, forward, True, "127.0.0.1", 0)
        assert attacker.hear(81, 82)[0] == 82
    assert attacker.request(channel, "exec", "git-upload-pack 'spaces/ann/absent'")
    assert "Repository not found" in attacker.text()
    attacker.close()


@pytest.mark.req("SSH-09")
def test_one_command_for_each_channel(place: SshPlace, ann: Path) -> None:
    attacker = Attacker(place.port)
    attacker.log_in(load(ann))
    channel = attacker.open()
    assert attacker.request(channel, "exec", "git-upload-pack 'spaces/ann/x'")
    assert not attacker.request(channel, "exec", "git-upload-pack 'spaces/ann/x'")
    assert not attacker.request(channel, "shell")
    attacker.close()


@pytest.mark.req("SSH-09")
def test_so_many_channels_at_once(place: SshPlace, ann: Path) -> None:
    most = place.limits().channels
    attacker = Attacker(place.port)
    attacker.log_in(load(ann))
    numbers = [attacker.open() for _ in range(most)]
    assert -1 not in numbers and attacker.open() == -1
    attacker.say(97, numbers[0])  # one is closed, and there is room for another
    attacker.hear(97)
    assert attacker.open() != -1
    attacker.close()


@pytest.mark.req("SSH-09")
def test_real_clients_that_want_more(place: SshPlace, ann: Path, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        remote = place.run(ann, options=("-oExitOnForwardFailure=yes", f"-R0:127.0.0.1:{port}"))
        assert remote.returncode == 255
        direct = place.run(ann, options=(f"-W127.0.0.1:{port}",))
        assert direct.returncode == 255 and "forwarding failed" in direct.stderr
    agent = place.run(ann, options=("-A", "-X"))
    assert agent.returncode == 1 and "Hi ann!" in agent.stderr
    terminal = place.run(ann, options=("-tt",))
    assert terminal.returncode == 255 and "PTY allocation request failed" in terminal.stderr
    assert place.run(ann, "sftp", options=("-s",)).returncode != 0
    words = place.ssh(ann)[1:]
    file = tmp_path / "file"
    file.write_text("x")
    for copy in (["scp"], ["scp", "-O"]):
        done = subprocess.run(
            [*copy, *words, "-P", str(place.port), str(file), "git@127.0.0.1:/tmp/never-there"],
            capture_output=True,
            timeout=60,
        )
        assert done.returncode != 0
    assert not Path("/tmp/never-there").exists()
