"""The long conversation (as over SSH), shown with git's own client over `git://`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from gitserver.upload.service import UploadService
from spaceport.pools import Pools
from tests.gitserver.reading import client, git, make_repository


@asynccontextmanager
async def daemon(root: Path, cache: Path) -> AsyncIterator[str]:
    """A server of `git://`: one line says what is wanted, then the conversation begins."""
    pools = Pools()
    service = UploadService(cache, pools)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        length = int(await reader.readexactly(4), 16)
        command, *extra = (await reader.readexactly(length - 4)).split(b"\0")
        name = command.split(b" ", 1)[1].decode().strip("/")
        version = 2 if b"version=2" in extra else 1 if b"version=1" in extra else 0

        async def arriving() -> AsyncIterator[bytes]:
            while data := await reader.read(1 << 16):
                yield data

        with suppress(ConnectionError):
            await service.serve_duplex(root / name, version, arriving(), writer)
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    try:
        yield f"git://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        await service.close()
        pools.close()


@pytest.mark.parametrize("version", ["0", "1", "2"])
async def test_clone_fetch_deepen_and_refusal(tmp_path: Path, version: str) -> None:
    root = tmp_path / "repos"
    root.mkdir()
    repo = make_repository(root)
    git("-C", str(repo), "tag", "-a", "-m", "one", "v1", "main~20")
    protocol = ["-c", f"protocol.version={version}"]
    async with daemon(root, tmp_path / "cache") as url:
        copy = tmp_path / "copy"
        await client(*protocol, "clone", "-q", f"{url}/r.git", str(copy))
        for number in range(120):
            git("commit", "-q", "--allow-empty", "-m", f"local {number}", cwd=copy)
        tree = git("-C", str(repo), "rev-parse", "main^{tree}")
        new = git("-C", str(repo), "commit-tree", "-p", "main", "-m", "new", tree)
        git("-C", str(repo), "update-ref", "refs/heads/main", new)
        await client(*protocol, "fetch", "-q", "origin", cwd=copy)
        assert git("rev-parse", "origin/main", cwd=copy) == new
        git("fsck", "--strict", cwd=copy)
        shallow = tmp_path / "shallow"
        await client(*protocol, "clone", "-q", "--depth", "3", f"{url}/r.git", str(shallow))
        await client(*protocol, "fetch", "-q", "--deepen=4", cwd=shallow)
        assert git("rev-list", "--count", "HEAD", cwd=shallow) == "7"
        await client(*protocol, "fetch", "-q", "--unshallow", cwd=shallow)
        git("fsck", "--strict", cwd=shallow)
        assert git("rev-list", "--all", cwd=shallow) == git("-C", str(repo), "rev-list", "--all")
        refused = await client(
            *protocol, "fetch", f"{url}/r.git", "1" * 40, cwd=shallow, ok=False
        )  # fmt: skip
        assert refused.code != 0
