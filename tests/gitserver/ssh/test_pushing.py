"""Pushes over one long conversation that are not what they should be; git-lfs and its ticket."""

from __future__ import annotations

import asyncio
import http.server
import os
import socket
import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from config.git import GitSettings, PushLimits
from gitserver.access import Admission
from gitserver.pktline import FLUSH_PKT, PktParser
from gitserver.ssh.command import Operation
from spaceport.actor import Actor
from spaceport.push import ZERO
from tests.gitserver.ssh.serving import SshPlace, serving
from tests.gitserver.writing import EMPTY_PACK, KEY, commit, fsck, git, push_body
from tests.waiting import eventually

PUSH = "git-receive-pack 'spaces/ann/x'"


def push(place: SshPlace, key: Path, body: bytes) -> tuple[int, str, str]:
    """A push written by hand: exit status, the report, and what was said."""
    words = [*place.ssh(key), "-p", str(place.port), "git@127.0.0.1", PUSH]
    done = subprocess.run(words, input=body, capture_output=True, timeout=60)
    parser = PktParser()
    parser.feed(done.stdout)
    packets = list(parser.packets())
    advert_end = next(i for i, packet in enumerate(packets) if not isinstance(packet, bytes))
    report = b"".join(
        packet[1:] if packet[:1] in (b"\1", b"\2") else packet
        for packet in packets[advert_end + 1 :]
        if isinstance(packet, bytes)
    )
    return done.returncode, report.decode(errors="replace"), done.stderr.decode()


@pytest.mark.req("GIT-02")
def test_a_stale_push_is_told_so(place: SshPlace, ann: Path) -> None:
    head = place.repositories.head(KEY) or ZERO
    for old in ("1" * 40, ZERO):
        status, report, _ = push(place, ann, push_body([(old, head, "refs/heads/main")]))
        assert status == 0 and "ng refs/heads/main" in report


@pytest.mark.req("GIT-06")
@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (b"zzzz", 1, "not a push of git"),
        (b"0010nonsense000", 1, "not a push of git"),
        (push_body([(ZERO, "1" * 40, "refs/heads/cut")], EMPTY_PACK[:-3]), 0, "cut off"),
        (push_body([(ZERO, "1" * 40, "refs/heads/gone")], capabilities="unheard-of"), 1, "offered"),
        (push_body([(ZERO, "1" * 40, "refs/heads/none")]), 0, "ng refs/heads/none"),
    ],
)
def test_what_is_no_push_leaves_nothing(
    place: SshPlace, ann: Path, body: bytes, status: int, said: str
) -> None:
    refs = dict(place.repositories.refs(KEY).ids)
    code, report, errors = push(place, ann, body)
    assert code == status and said in report + errors
    assert dict(place.repositories.refs(KEY).ids) == refs
    assert list((place.repositories.root / "incoming").iterdir()) == []
    assert fsck(place.repository) == ""


def test_nothing_to_push_and_a_hang_up(place: SshPlace, ann: Path) -> None:
    assert push(place, ann, FLUSH_PKT)[0] == 0
    assert push(place, ann, b"")[0] == 0


def test_a_push_that_is_too_large(tmp_path: Path) -> None:
    small = GitSettings(push=PushLimits(pack_bytes=100_000))
    with serving(tmp_path, git=small) as place:
        env = place.env(place.key("ann"))
        git("clone", "-q", place.url, "w", cwd=tmp_path, **env)
        commit(tmp_path / "w", {"big": os.urandom(3_000_000)})
        said = git("push", "origin", "main", cwd=tmp_path / "w", ok=False, **env)
        assert "larger than this server takes (100000 bytes)" in said
        assert list((place.repositories.root / "incoming").iterdir()) == []


@pytest.mark.req("GIT-01")
def test_racing_pushes_are_told_the_truth(place: SshPlace, ann: Path, tmp_path: Path) -> None:
    env = {**os.environ, **place.env(ann)}
    works = []
    for number in range(4):
        git("clone", "-q", place.url, f"w{number}", cwd=tmp_path, **place.env(ann))
        works.append(tmp_path / f"w{number}")
        commit(works[-1], {f"race{number}": str(number)})
    racers = [
        subprocess.Popen(
            ["git", "push", "-q", "origin", "main"], cwd=work, env=env, stderr=subprocess.PIPE
        )
        for work in works
    ]
    said = [racer.communicate(timeout=60)[1] for racer in racers]
    won = [work for work, racer in zip(works, racers, strict=True) if racer.returncode == 0]
    assert len(won) == 1, said
    assert git("rev-parse", "HEAD", cwd=won[0]) == place.repositories.head(KEY)


def nobody_listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


@pytest.mark.req("DUR-17")
def test_a_stop_lets_a_push_come_to_its_end(tmp_path: Path) -> None:
    judging, go_on = threading.Event(), threading.Event()

    def slow(*_: object) -> list[Any]:
        judging.set()
        assert go_on.wait(30)
        return []

    with serving(tmp_path) as place:
        env = place.env(place.key("ann"))
        git("clone", "-q", place.url, "w", cwd=tmp_path, **env)
        pushed = commit(tmp_path / "w", {"late": "late"})
        place.hooks.judge = slow
        client = subprocess.Popen(
            ["git", "push", "-q", "origin", "main"],
            cwd=tmp_path / "w",
            env={**os.environ, **env},
            stderr=subprocess.PIPE,
        )
        assert judging.wait(30)
        stopping = asyncio.run_coroutine_threadsafe(place.server.close(20.0), place.loop)
        eventually(lambda: nobody_listens(place.port))
        go_on.set()
        assert (client.communicate(timeout=60)[1], client.returncode) == (b"", 0)
        stopping.result(20)
        assert place.repositories.head(KEY) == pushed
        assert not place.server.connections


class _Batches(http.server.BaseHTTPRequestHandler):
    """Says of every object that it is there already."""

    seen: list[tuple[str, str]] = []  # noqa: RUF012

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.seen.append((self.path, self.headers.get("Authorization", "")))
        import json

        wanted = json.loads(body).get("objects", [])
        found = [{"oid": each["oid"], "size": each["size"]} for each in wanted]
        answer = json.dumps({"objects": found, "ours": [], "theirs": []}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/vnd.git-lfs+json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Be quiet."""


@pytest.mark.req("LFS-12")
def test_the_stock_git_lfs_finds_its_way(tmp_path: Path) -> None:
    """It asks for `git-lfs-transfer` first, is refused, asks for a ticket, and uses it."""
    web = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Batches)
    threading.Thread(target=web.serve_forever, daemon=True).start()
    asked: list[tuple[str, str, str]] = []

    def tickets(
        actor: Actor, admission: Admission, operation: Operation, *, fingerprint: str
    ) -> Mapping[str, Any]:
        assert fingerprint.startswith("SHA256:")
        asked.append((actor.name, admission.label, operation.value))
        href = f"http://127.0.0.1:{web.server_port}/spaces/{admission.label}.git/info/lfs"
        return {"href": href, "header": {"Authorization": "Basic c2VjcmV0"}, "expires_in": 600}

    with serving(tmp_path, tickets=tickets) as place:
        env = place.env(place.key("ann"))
        home = {"HOME": str(tmp_path), **env}
        git("clone", "-q", place.url, "w", cwd=tmp_path, **home)
        work = tmp_path / "w"
        git("lfs", "install", "--local", cwd=work, **home)
        git("lfs", "track", "*.bin", cwd=work, **home)
        (work / "a.bin").write_bytes(b"large")
        git("add", "-A", cwd=work, **home)
        git("commit", "-qm", "large", cwd=work, **home)
        git("push", "-q", "origin", "main", cwd=work, **home)
    web.shutdown()
    web.server_close()
    assert ("ann", "ann/x", "upload") in asked
    batches = [seen for seen in _Batches.seen if seen[0].endswith("/objects/batch")]
    assert batches == [("/spaces/ann/x.git/info/lfs/objects/batch", "Basic c2VjcmV0")]
