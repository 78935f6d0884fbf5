"""The server under test as a program: git over HTTP and SSH, and a proxy to one app, on one loop.

`python -m benchmarks.git.serve ROOT RUN PORT SSH_PORT PROXY_PORT BACKEND_PORT`. It is put together
as the hub does it, but for who may come in: everybody. Repositories go by their names.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import uvloop
from aiohttp import web

from benchmarks.proxy.ours import connector, route
from config.git import GitSettings
from config.ssh import SshSettings
from gitserver.access import Admission, Credentials, Service
from gitserver.http import GitHttp
from gitserver.receive.hooks import NoHooks
from gitserver.receive.service import ReceiveService
from gitserver.repositories import Repositories
from gitserver.ssh.hostkeys import open_host_keys
from gitserver.ssh.server import SshServer
from gitserver.ssh.session import Services
from gitserver.upload.service import UploadService
from runtime.proxy.routes import Replicas, RouteTable, Upstream
from runtime.proxy.server import Proxy
from spaceport.actor import Actor
from spaceport.names import SpaceKey
from spaceport.pools import Pools


class Shelf(Repositories):
    """The repositories that the other server serves too, stored into as those of Spaces are."""

    def path(self, key: SpaceKey) -> Path:
        return self.root / f"{key}.git"


class Anyone:
    """Everybody may do everything; the keys that come over SSH prove themselves all the same."""

    async def admit(
        self, credentials: Credentials, author: str, name: str, service: Service, address: str
    ) -> Admission:
        return Admission(name)

    async def by_ssh_key(self, fingerprint: str) -> Actor | None:
        return None  # as unknown as any: the login's work is the same

    async def logged_in(self, actor: Actor, fingerprint: str, address: str) -> None:
        return None

    async def decide(self, actor: Actor, author: str, name: str, service: Service) -> Admission:
        return Admission(name)


def _name(request: web.Request) -> tuple[str, str]:
    return "", request.match_info["name"].removesuffix(".git")


async def serve(root: Path, run: Path, port: int, ssh_port: int, proxy: int, backend: int) -> None:
    """Until SIGTERM."""
    settings = SshSettings()
    pools = Pools({"ssh": settings.limits.sessions})
    shelf, anyone = Shelf(root, GitSettings()), Anyone()
    upload = UploadService(run / "cache", pools)
    receive = ReceiveService(shelf, NoHooks(), pools)
    app = web.Application()
    GitHttp(shelf, anyone, upload, receive, name_of=_name).add_routes(app, "/{name}")
    runner = web.AppRunner(app, auto_decompress=False, access_log=None)
    await upload.warm()
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    ssh = SshServer(
        Services(shelf, anyone, upload, receive, pools, settings), open_host_keys(run / "keys")
    )
    await ssh.start("127.0.0.1", ssh_port)
    relay = Proxy()
    app_route = route("app", Replicas((Upstream("app-1", connector(backend), 7860),)))
    relay.routes = RouteTable([app_route])
    await relay.start("127.0.0.1", proxy, hub_hosts=["localhost"])
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await stop.wait()
    await relay.close()
    await ssh.close()
    await runner.cleanup()
    await receive.close()
    await upload.close()


if __name__ == "__main__":
    uvloop.run(serve(Path(sys.argv[1]), Path(sys.argv[2]), *map(int, sys.argv[3:7])))
