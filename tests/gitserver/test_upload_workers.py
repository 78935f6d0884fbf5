"""Workers that are killed, clients that leave, many clients at once, memory that stays flat."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gitserver import pktline
from tests.gitserver.reading import Server, client, git, make_repository, serving
from tests.waiting import aeventually


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    (tmp_path / "repos").mkdir()
    async with serving(tmp_path / "repos", tmp_path / "cache") as running:
        yield running


def clone_request(repo: Path) -> bytes:
    tip = git("-C", str(repo), "rev-parse", "main")
    return (
        pktline.line(b"command=fetch")
        + pktline.DELIM_PKT
        + pktline.line(b"ofs-delta")
        + pktline.line(f"want {tip}".encode())
        + pktline.line(b"done")
        + pktline.FLUSH_PKT
    )


def large(root: Path, megabytes: int) -> Path:
    """Two packs of blobs that do not compress, none of which is exact."""
    repo = make_repository(root, "large.git", commits=3)
    git("-C", str(repo), "config", "receive.unpackLimit", "1")
    work = root.parent / "work-large"
    git("clone", "-q", str(repo), str(work))
    for number in range(2):
        for part in range(megabytes // 4):
            data = random.Random(number * 100 + part).randbytes(2 << 20)
            (work / f"{number}-{part}").write_bytes(data)
        git("add", ".", cwd=work)
        git("commit", "-q", "-m", "x", cwd=work)
        git("push", "-q", "origin", "main", cwd=work)
    return repo


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def one(data: bytes) -> AsyncIterator[bytes]:
    yield data


async def test_many_clones_of_a_cold_repository_at_once(server: Server, tmp_path: Path) -> None:
    repo = make_repository(server.root, commits=300)
    copies = [tmp_path / f"c{number}" for number in range(8)]
    await asyncio.gather(
        *(client("clone", "-q", "--bare", f"{server.url}/r.git", str(copy)) for copy in copies)
    )
    for copy in copies:
        assert git("-C", str(copy), "rev-parse", "main") == git(
            "-C", str(repo), "rev-parse", "main"
        )
    assert len(server.service.worker_pids) <= 2


async def test_killed_workers_are_replaced(server: Server, tmp_path: Path) -> None:
    make_repository(server.root)
    for number in range(4):
        await client(
            "clone",
            "-q",
            "--depth",
            str(number + 2),
            f"{server.url}/r.git",
            str(tmp_path / f"{number}"),
        )
        assert server.service.worker_pids
        for pid in server.service.worker_pids:
            os.kill(pid, signal.SIGKILL)


@pytest.mark.req("GIT-38")
async def test_a_client_that_leaves_frees_everything(server: Server) -> None:
    repo = large(server.root, 24)
    before = open_files()
    for _ in range(6):
        answer = server.service.serve(repo, 2, one(clone_request(repo)))
        async for chunk in answer:
            if len(chunk) > 1000:
                break
        await answer.aclose()  # type: ignore[attr-defined]
    await client("ls-remote", f"{server.url}/large.git")
    await aeventually(lambda: open_files() <= before + 12, timeout=10)
    assert len(server.service.worker_pids) <= 2


async def test_memory_does_not_grow_with_the_repository(server: Server, tmp_path: Path) -> None:
    repo = large(server.root, 96)
    copy = tmp_path / "copy"
    await client("clone", "-q", "--mirror", f"{server.url}/large.git", str(copy))
    git("-C", str(copy), "fsck", "--strict")
    for pid in server.service.worker_pids:
        status = Path(f"/proc/{pid}/status").read_text()
        peak = next(line for line in status.splitlines() if line.startswith("VmHWM"))
        assert int(peak.split()[1]) < 100 * 1024
    assert git("-C", str(copy), "rev-parse", "main") == git("-C", str(repo), "rev-parse", "main")


async def test_the_second_answer_comes_from_the_cache(server: Server, tmp_path: Path) -> None:
    repo = large(server.root, 8)

    async def ask() -> bytes:
        answer = server.service.serve(repo, 2, one(clone_request(repo)))
        return b"".join([chunk async for chunk in answer])

    first = await ask()
    kept = list((tmp_path / "cache").glob("*/answer-*.json"))
    assert len(kept) == 1
    assert pack_of(await ask()) == pack_of(first)
    for path in (tmp_path / "cache").glob("*/answer-*.pack"):
        path.unlink()  # half of a cache is as good as none
    assert pack_of(await ask())[:4] == b"PACK"


def pack_of(answer: bytes) -> bytes:
    packets = pktline.parse_all(answer)
    return b"".join(p[1:] for p in packets if isinstance(p, bytes) and p[:1] == b"\1")
