"""A plain smart HTTP server around `UploadService`, and repositories made with real git."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web

from gitserver import pktline
from gitserver.upload.rules import DEFAULT_RULES, UploadRules
from gitserver.upload.service import UploadService
from spaceport.pools import Pools

ENV = {
    "PATH": os.environ["PATH"],
    "HOME": "/nonexistent",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_AUTHOR_NAME": "A",
    "GIT_AUTHOR_EMAIL": "a@example.org",
    "GIT_COMMITTER_NAME": "A",
    "GIT_COMMITTER_EMAIL": "a@example.org",
    "GIT_AUTHOR_DATE": "1700000000 +0000",
    "GIT_COMMITTER_DATE": "1700000000 +0000",
}


@dataclass
class Outcome:
    code: int
    out: str
    err: str


def git(*args: str, cwd: Path | None = None, **env: str) -> str:
    """Run git here and now; fails loudly."""
    done = subprocess.run(
        ["git", *args], cwd=cwd, env=ENV | env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"git {' '.join(args)}: {done.stderr}"
    return done.stdout.strip()


async def client(*args: str, cwd: Path | None = None, ok: bool = True, **env: str) -> Outcome:
    """Run a git client while the server works in this loop."""
    process = await asyncio.create_subprocess_exec(
        "git",
        *args,
        cwd=cwd,
        env=ENV | env,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(60):
            out, err = await process.communicate()
    except BaseException:
        process.kill()
        raise
    outcome = Outcome(process.returncode or 0, out.decode().strip(), err.decode())
    if ok:
        assert outcome.code == 0, f"git {' '.join(args)}: {outcome.err}"
    return outcome


@dataclass
class Server:
    """`url` serves the repositories below `root`, by the folder's name."""

    root: Path
    service: UploadService
    url: str
    rules: UploadRules = DEFAULT_RULES
    requests: list[str] = field(default_factory=list)

    async def info(self, request: web.Request) -> web.StreamResponse:
        repo, version = self._where(request)
        self.requests.append("info")
        body = await self.service.advertise(repo, version, rules=self.rules)
        frame = pktline.line(b"# service=git-upload-pack") + pktline.FLUSH_PKT
        return web.Response(
            body=body if version == 2 else frame + body,
            content_type="application/x-git-upload-pack-advertisement",
        )

    async def rpc(self, request: web.Request) -> web.StreamResponse:
        repo, version = self._where(request)
        self.requests.append("rpc")
        response = web.StreamResponse()
        response.content_type = "application/x-git-upload-pack-result"
        await response.prepare(request)
        body = request.content.iter_any()
        answer = self.service.serve(repo, version, body, rules=self.rules)
        try:
            async for chunk in answer:
                await response.write(chunk)
        finally:
            await answer.aclose()  # type: ignore[attr-defined]
        return response

    def _where(self, request: web.Request) -> tuple[Path, int]:
        asked = request.headers.get("Git-Protocol", "")
        version = 2 if "version=2" in asked else 1 if "version=1" in asked else 0
        return self.root / request.match_info["name"], version


@asynccontextmanager
async def serving(
    root: Path, cache: Path, rules: UploadRules = DEFAULT_RULES
) -> AsyncIterator[Server]:
    pools = Pools()
    service = UploadService(cache, pools)
    server = Server(root, service, "", rules)
    app = web.Application(client_max_size=1 << 30)
    app.router.add_get("/{name}/info/refs", server.info)
    app.router.add_post("/{name}/git-upload-pack", server.rpc)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    server.url = f"http://127.0.0.1:{port}"
    try:
        yield server
    finally:
        await runner.cleanup()
        await service.close()
        pools.close()


def fast_import(repo: Path, commits: int, files: int = 5, branch: str = "main") -> None:
    """Fill a bare repository: every commit changes one file in one of a few folders."""
    lines = []
    for number in range(commits):
        text = "".join(f"line {n} of {number if n % 7 == 0 else 0}\n" for n in range(60))
        lines.append(
            f"commit refs/heads/{branch}\nmark :{number + 1}\n"
            f"committer A <a@example.org> {1_600_000_000 + 60 * number} +0000\n"
            f"data <<E\ncommit {number}\nE\n"
            f"M 100644 inline dir{number % 3}/sub/file{number % files}.txt\n"
            f"data {len(text)}\n{text}\n"
        )
    subprocess.run(
        ["git", "-C", str(repo), "fast-import", "--quiet", "--force"],
        input="".join(lines).encode(),
        env=ENV,
        check=True,
    )


def make_repository(root: Path, name: str = "r.git", commits: int = 40) -> Path:
    repo = root / name
    git("init", "-q", "--bare", "-b", "main", str(repo))
    git("-C", str(repo), "config", "core.logAllRefUpdates", "false")
    if commits:
        fast_import(repo, commits)
    return repo
