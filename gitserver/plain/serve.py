"""Serving a folder of repositories over smart HTTP, until told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web

from gitserver.http import GitHttp
from gitserver.plain.folder import HOOK_SECONDS, Folder
from gitserver.plain.rules import LIMITS
from gitserver.receive.hooks import NoHooks
from gitserver.receive.service import ReceiveService
from gitserver.upload.rules import UploadRules
from gitserver.upload.service import UploadService
from spaceport.errors import Misconfigured
from spaceport.pools import Pools

_THREADS = {"git": 128}
"""A hook holds one for as long as it runs."""

_SHUTDOWN_SECONDS = 30.0


@asynccontextmanager
async def serving(
    root: Path, host: str, port: int, cache: Path, hook_seconds: float = HOOK_SECONDS
) -> AsyncIterator[int]:
    """Serve the repositories below `root`; gives the port. `cache`: a folder of our own.

    Raises `Misconfigured` when the address cannot be had.
    """
    pools = Pools(_THREADS)
    folder = Folder(root, pools, hook_seconds=hook_seconds)
    upload = UploadService(cache, pools, UploadRules(limits=LIMITS))
    receive = ReceiveService(folder, NoHooks(), pools)
    app = web.Application()
    git = GitHttp(folder, folder, upload, receive, name_of=_name)
    for dumb in ("HEAD", "config", "packed-refs", "objects/{rest:.*}", "hooks/{rest:.*}"):
        app.router.add_route("*", f"/{{path:.+}}/{dumb}", _dumb)
    git.add_routes(app, "/{path:.+}")
    runner = web.AppRunner(
        app, auto_decompress=False, access_log=None, shutdown_timeout=_SHUTDOWN_SECONDS
    )
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            raise Misconfigured(
                f"{host}:{port} cannot be served: {error.strerror}",
                hint="Choose another address with --http HOST:PORT.",
            ) from error
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()
        await receive.close()
        await upload.close()
        pools.close()


def run(
    root: Path, host: str, port: int, say: Callable[[str], None], cache: Path | None = None
) -> None:
    """Serve until SIGINT or SIGTERM. `cache`: a folder of our own that outlives us, if any."""
    root = root.resolve()
    if not root.is_dir():
        raise Misconfigured(f"{root} is no folder.", hint="Name a folder of repositories.")
    with tempfile.TemporaryDirectory(prefix="spaceport-git-") as passing:
        asyncio.run(_run(root, host, port, (cache or Path(passing)).absolute(), say))


async def _run(root: Path, host: str, port: int, cache: Path, say: Callable[[str], None]) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(number, stopped.set)
    async with serving(root, host, port, cache) as bound:
        shown = f"[{host}]" if ":" in host else host
        say(f"Serving the repositories in {root} at http://{shown}:{bound}/")
        await stopped.wait()


async def _dumb(request: web.Request) -> web.Response:
    """The old protocol gives away whatever lies in the folder, hidden refs and what no ref reaches
    included; every git since 2010 speaks the smart one."""
    raise web.HTTPForbidden(text="Service not enabled: 'getanyfile'. Use a git of 1.6.6 or newer.")


def _name(request: web.Request) -> tuple[str, str] | None:
    """Everything before the service is the repository's path; the folder judges it."""
    return "", request.match_info["path"]
