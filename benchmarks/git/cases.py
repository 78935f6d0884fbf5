"""What is measured: each case takes a server and gives seconds."""

from __future__ import annotations

import http.client
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.git.pushes import push_blobs, push_commit
from benchmarks.git.repos import ENV, git
from benchmarks.git.servers import Server
from gitserver import pktline


@dataclass(frozen=True)
class Case:
    """`goal`: the most that ours may take, as a multiple of the other's median. `most_cpu`: the
    most seconds of CPU of ours in one run, if that is a goal too."""

    name: str
    run: Callable[[Server, Path], float]
    rounds: int
    goal: float
    ssh: bool = False
    """Whether it goes over SSH, and so against OpenSSH."""
    most_cpu: float = float("inf")


def all_cases(root: Path) -> list[Case]:
    """The figures of the git contract."""
    objects, large = root / "objects.git", root / "large.git"
    return [
        Case("clone, 20,000 objects", _clone("objects.git"), 5, 1.0),
        Case("the same, bytes only", _raw_clone(objects), 5, 1.0),
        Case("8 clones at once", _clones("objects.git", 8), 3, 1.0),
        Case("clone, 300 MB", _clone("large.git"), 3, 1.0),
        Case("the same, bytes only", _raw_clone(large), 3, 1.0),
        Case("fetch of one commit", _fetch_one(objects), 9, 1.5),
        Case("clone right after it", _clone("objects.git"), 3, 1.0),
        Case("push, 50 MB", push_blobs(root), 5, 1.3),
        Case("push, one small commit", push_commit(root), 9, 1.3),
        Case("ssh clone, 20,000 objects", _clone("objects.git"), 5, 1.2, ssh=True),
        Case("ssh clone, 300 MB", _clone("large.git"), 3, 1.2, ssh=True),
        Case("ssh push, 50 MB", push_blobs(root), 5, 3.0, ssh=True),
        Case("ssh push, one small commit", push_commit(root), 5, 3.0, ssh=True),
        Case("advert, small, 200 requests", _advert("small.git", 0, 200), 3, 0.3, most_cpu=0.2),
        Case("advert, 50,000 refs, v0", _advert("refs.git", 0, 1), 7, 1.5),
        Case("ls-refs, 50,000 refs, v2", _ls_refs("refs.git"), 7, 1.5),
        Case("shallow clone, depth 1", _clone("objects.git", "--depth", "1"), 5, 1.5),
        Case("partial clone, blob:none", _clone("objects.git", "--filter=blob:none"), 3, 1.5),
    ]


def _clone(name: str, *options: str) -> Callable[[Server, Path], float]:
    def run(server: Server, scratch: Path) -> float:
        return _timed_clones(server, scratch, name, 1, options)

    return run


def _clones(name: str, number: int) -> Callable[[Server, Path], float]:
    return lambda server, scratch: _timed_clones(server, scratch, name, number, ())


def _timed_clones(
    server: Server, scratch: Path, name: str, number: int, options: tuple[str, ...]
) -> float:
    targets = [scratch / f"clone{rank}" for rank in range(number)]
    command = ["git", "clone", "-q", "--bare", *options, f"{server.url}/{name}"]
    env = {**ENV, **server.env}
    start = time.monotonic()
    clients = [subprocess.Popen([*command, str(target)], env=env) for target in targets]
    codes = [client.wait() for client in clients]
    taken = time.monotonic() - start
    for target in targets:
        shutil.rmtree(target)
    if any(codes):
        raise RuntimeError(f"a clone from {server.name} failed")
    return taken


def _raw_clone(repo: Path) -> Callable[[Server, Path], float]:
    """Only the server: every byte of a clone is read and thrown away."""

    def run(server: Server, scratch: Path) -> float:
        tip = git("rev-parse", "main", cwd=repo)
        lines = [b"command=fetch", b"object-format=sha1"]
        arguments = [b"thin-pack", b"ofs-delta", f"want {tip}".encode(), b"done"]
        body = b"".join(map(pktline.line, lines)) + pktline.DELIM_PKT
        body += b"".join(map(pktline.line, arguments)) + pktline.FLUSH_PKT
        return _post(server, repo.name, body)

    return run


def _fetch_one(repo: Path) -> Callable[[Server, Path], float]:
    """A clone that is one commit behind fetches it."""
    template: list[Path] = []

    def run(server: Server, scratch: Path) -> float:
        if not template:
            template.append(scratch.parent / "behind.git")
            git("clone", "-q", "--bare", str(repo), str(template[0]))
            _add_commit(repo)
        target = scratch / "behind.git"
        shutil.copytree(template[0], target)
        start = time.monotonic()
        git("fetch", "-q", f"{server.url}/{repo.name}", "main:main", cwd=target)
        taken = time.monotonic() - start
        shutil.rmtree(target)
        return taken

    return run


def _add_commit(repo: Path) -> None:
    work = repo.parent / "work"
    git("clone", "-q", str(repo), str(work))
    (work / "pkg0" / "mod0" / "new.py").write_text(f"new = {time.time_ns()}\n")
    git("add", ".", cwd=work)
    git("commit", "-q", "-m", "one more", cwd=work)
    git("push", "-q", "origin", "main", cwd=work)
    shutil.rmtree(work)


def _advert(name: str, version: int, times: int) -> Callable[[Server, Path], float]:
    def run(server: Server, scratch: Path) -> float:
        connection = http.client.HTTPConnection("127.0.0.1", server.port)
        start = time.monotonic()
        for _ in range(times):
            connection.request("GET", f"/{name}/info/refs?service=git-upload-pack")
            answer = connection.getresponse()
            if answer.status != 200 or len(answer.read()) < 100:
                raise RuntimeError(f"no advertisement from {server.name}")
        taken = time.monotonic() - start
        connection.close()
        return taken

    return run


def _ls_refs(name: str) -> Callable[[Server, Path], float]:
    body = pktline.line(b"command=ls-refs") + pktline.DELIM_PKT
    body += b"".join(map(pktline.line, (b"peel", b"symrefs"))) + pktline.FLUSH_PKT
    return lambda server, scratch: _post(server, name, body)


def _post(server: Server, name: str, body: bytes) -> float:
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    headers = {
        "Content-Type": "application/x-git-upload-pack-request",
        "Git-Protocol": "version=2",
    }
    start = time.monotonic()
    connection.request("POST", f"/{name}/git-upload-pack", body, headers)
    answer = connection.getresponse()
    size = 0
    while data := answer.read(1 << 20):
        size += len(data)
    taken = time.monotonic() - start
    connection.close()
    if answer.status != 200 or size < 1000:
        raise RuntimeError(f"{server.name} answered {answer.status} with {size} bytes")
    return taken
