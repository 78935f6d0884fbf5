"""A hub with one Space, for uploads and downloads: `python -m benchmarks.lfs.serve PORT FOLDER`.

Behind our own proxy and on uvloop, as in production; writes the token to `FOLDER/token`.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import uvloop
from aiohttp import web

from config.settings import Settings
from gitserver.lfs.http import add_lfs
from hub.assembly import lfs_desk
from hub.context import HubContext
from hub.create_space import NewSpace, create_space
from hub.git_access import LedgerAccess
from hub.parts import open_installation
from runtime.proxy.server import Proxy
from spaceport.actor import SYSTEM
from spaceport.ledger import accounts, tokens
from spaceport.ledger.spaces import Visibility
from spaceport.roles import TokenRole
from spaceport.sdk import Sdk

SPACE = "bench/files"


def main() -> None:
    port, folder = int(sys.argv[1]), Path(sys.argv[2])
    settings = Settings(data=folder / "data", http=f"127.0.0.1:{port}")  # type: ignore[arg-type]
    context = open_installation(settings).context
    with context.ledger.write() as tx:
        account = accounts.create_user(tx, "bench")
        _, token = tokens.create(tx, account.id, "bench", TokenRole.WRITE)
    create_space(
        context, SYSTEM, NewSpace("bench", "files", Sdk.STATIC, visibility=Visibility.PUBLIC)
    )
    (folder / "token").write_text(token)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(context, port))


async def serve(context: HubContext, port: int) -> None:
    app = web.Application()
    add_lfs(app, lfs_desk(context, LedgerAccess(context.ledger, context.pools)))
    runner = web.AppRunner(app, auto_decompress=False, access_log=None)
    await runner.setup()
    proxy = Proxy(threads=context.pools)
    if runner.server is None:
        raise RuntimeError("the web server was not set up")
    await proxy.start("127.0.0.1", port, hub=runner.server, hub_hosts=["localhost", "127.0.0.1"])
    await asyncio.Event().wait()


if __name__ == "__main__":
    main()
