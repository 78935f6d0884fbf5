"""A real git server on a free port, git clients, and pushes made by hand."""

from __future__ import annotations

import asyncio
import http.client
import os
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from aiohttp import web

from config.git import GitSettings
from gitserver.access import GitAccess, OpenFolder
from gitserver.building import Signature
from gitserver.http import GitHttp
from gitserver.objects.store import Objects
from gitserver.pktline import FLUSH_PKT, Marker, parse_all, pkt
from gitserver.receive.hooks import Progress
from gitserver.receive.service import ReceiveService
from gitserver.repositories import Repositories
from gitserver.upload.service import UploadService
from spaceport.pools import Pools
from spaceport.push import ZERO, Push, Rejection

KEY = "a" * 24
ANN = Signature("Ann", "ann@example.org", 1_700_000_000)
REPORT = "report-status side-band-64k object-format=sha1"
EMPTY_PACK = bytes.fromhex("5041434b0000000200000000029d08823bd8a8eab510ad6ac75c823cfd3ed31e")


@dataclass
class RecordingHooks:
    """Real hooks that remember, and refuse what a test asks them to."""

    judge: Callable[[Push, Objects, Progress], list[Rejection]] = lambda *_: []
    lines: list[str] = field(default_factory=list)
    announced: list[Push] = field(default_factory=list)
    fails: bool = False

    def check(self, push: Push, objects: Objects, progress: Progress) -> list[Rejection]:
        return self.judge(push, objects, progress)

    def announce(self, push: Push) -> list[str]:
        self.announced.append(push)
        if self.fails:
            raise RuntimeError("the announcement failed")
        return self.lines


class Listening(Protocol):
    """Whatever answers on a port of this machine."""

    @property
    def port(self) -> int: ...


@dataclass
class Server:
    """What a test sees of the running server."""

    repositories: Repositories
    hooks: RecordingHooks
    port: int
    receive: ReceiveService
    loop: asyncio.AbstractEventLoop
    pools: Pools

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/spaces/ann/x"

    @property
    def repository(self) -> Path:
        return self.repositories.path(KEY)

    @property
    def head(self) -> str:
        return self.repositories.head(KEY) or ZERO

    def refs(self) -> dict[str, str]:
        return dict(self.repositories.refs(KEY).ids)


@contextmanager
def serving(
    root: Path,
    settings: GitSettings | None = None,
    access: Callable[[Repositories], GitAccess] | None = None,
) -> Iterator[Server]:
    """The server in a thread of its own, with one repository `ann/x`."""
    repositories = Repositories(root, settings or GitSettings())
    if not repositories.exists(KEY):
        repositories.create(KEY, {"README.md": b"# x\n"}, ANN)
    hooks, pools = RecordingHooks(), Pools()
    loop = asyncio.new_event_loop()
    door = access(repositories) if access else OpenFolder(repositories, {"ann/x": KEY})
    started: list[Server] = []

    async def start() -> web.AppRunner:
        receive = ReceiveService(repositories, hooks, pools)
        upload = UploadService(root / "cache", pools)
        app = web.Application()
        GitHttp(repositories, door, upload, receive).add_routes(app)
        app.on_cleanup.append(lambda _: receive.close())
        app.on_cleanup.append(lambda _: upload.close())
        runner = web.AppRunner(app, auto_decompress=False, shutdown_timeout=5)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        port = runner.addresses[0][1]
        started.append(Server(repositories, hooks, port, receive, loop, pools))
        return runner

    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    runner = asyncio.run_coroutine_threadsafe(start(), loop).result(20)
    try:
        yield started[0]
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(20)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
        pools.close()


def git(*args: str | Path, cwd: Path, ok: bool = True, **env: str) -> str:
    """Run git; its standard output, or with `ok=False` its standard error after a failure."""
    done = subprocess.run(
        ["git", "-c", "user.name=Ann", "-c", "user.email=ann@example.org", *map(str, args)],
        cwd=cwd,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=120,
        env={**os.environ, **env},
    )
    if ok:
        assert done.returncode == 0, f"git {args}: {done.stderr}"
        return done.stdout.strip()
    assert done.returncode != 0, f"git {args} did not fail: {done.stdout}{done.stderr}"
    return done.stderr


def said(*args: str | Path, cwd: Path) -> str:
    """What git prints for people while it succeeds."""
    done = subprocess.run(
        ["git", *map(str, args)], cwd=cwd, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stderr


def clone(server: Server, target: Path) -> Path:
    git("clone", "-q", server.url, target, cwd=target.parent)
    return target


def commit(work: Path, files: Mapping[str, str | bytes], message: str = "change") -> str:
    """Write files and commit them; the new id."""
    for name, text in files.items():
        path = work / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    git("add", "-A", cwd=work)
    git("commit", "-q", "-m", message, cwd=work)
    return git("rev-parse", "HEAD", cwd=work)


def fsck(repository: Path) -> str:
    """git's own verdict on a repository; '' when it is clean. Dangling objects are no fault."""
    done = subprocess.run(
        ["git", "fsck", "--full", "--strict", "--no-dangling", "--no-progress"],
        cwd=repository,
        capture_output=True,
        text=True,
    )
    return done.stdout + done.stderr if done.returncode else ""


@dataclass
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def lines(self) -> list[str]:
        """The report's lines, from a band or bare."""
        packets = parse_all(self.body)
        data = b"".join(p[1:] for p in packets if isinstance(p, bytes) and p[:1] == b"\1")
        inner = parse_all(data) if data else packets
        return [p.decode().strip() for p in inner if not isinstance(p, Marker)]

    @property
    def told(self) -> str:
        """What the person reads."""
        packets = parse_all(self.body)
        return b"".join(p[1:] for p in packets if isinstance(p, bytes) and p[:1] == b"\2").decode()


def push_body(
    commands: Sequence[tuple[str, str, str | bytes]],
    pack: bytes = EMPTY_PACK,
    capabilities: str = REPORT,
    options: Sequence[str] = (),
) -> bytes:
    """A request of receive-pack: (old, new, ref) triples, then the pack."""
    lines = []
    for number, (old, new, ref) in enumerate(commands):
        name = ref.encode() if isinstance(ref, str) else ref
        tail = b"\0 " + capabilities.encode() if number == 0 else b""
        lines.append(pkt(f"{old} {new} ".encode() + name + tail))
    body = b"".join(lines) + FLUSH_PKT
    if options:
        body += b"".join(pkt(option.encode()) for option in options) + FLUSH_PKT
    return body + pack


def post(
    server: Listening,
    body: bytes | Iterator[bytes],
    service: str = "receive-pack",
    headers: Mapping[str, str] | None = None,
    path: str = "",
) -> Answer:
    """One request as it stands."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    given = {"Content-Type": f"application/x-git-{service}-request", **(headers or {})}
    connection.request("POST", path or f"/spaces/ann/x/git-{service}", body, given)
    return _answer(connection)


def get(
    server: Listening, path: str, method: str = "GET", headers: Mapping[str, str] | None = None
) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.request(method, path, headers=dict(headers or {}))
    return _answer(connection)


def _answer(connection: http.client.HTTPConnection) -> Answer:
    response = connection.getresponse()
    body = response.read()
    connection.close()
    return Answer(response.status, dict(response.headers), body)


def raw_push(
    server: Server,
    *commands: tuple[str, str, str | bytes],
    pack: bytes = EMPTY_PACK,
    capabilities: str = REPORT,
) -> list[str]:
    """Push by hand; the lines of the report."""
    answer = post(server, push_body(commands, pack, capabilities))
    assert answer.status == 200, answer.body
    return answer.lines


def left_behind(server: Server) -> list[Path]:
    """What quarantines are there."""
    return list((server.repositories.root / "incoming").iterdir())
