"""Our proxy as a process of its own: `python -m benchmarks.proxy.ours LOOP PORT BACKEND FOLDER`.

Routes: `app` and `ws` to the backend's and the echo's port, `static` to the folder.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from pathlib import Path

from runtime.proxy.routes import Connect, Folder, Replicas, Route, RouteTable, Upstream
from runtime.proxy.server import Proxy
from spaceport.names import SpaceId
from spaceport.stage import Stage


def connector(port: int) -> Connect:
    async def connect() -> socket.socket:
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", port))
        return sock

    return connect


def route(label: str, target: Replicas | Folder) -> Route:
    page = f"http://localhost/spaces/bench/{label}"
    return Route(label, label.ljust(24, "0"), SpaceId("bench", label), Stage.RUNNING, target, page)


async def serve(port: int, backend: int, echo: int, folder: Path) -> None:
    proxy = Proxy()
    table = [
        route("app", Replicas((Upstream("app-1", connector(backend), 7860),))),
        route("ws", Replicas((Upstream("ws-1", connector(echo), 7860),))),
        route("static", Folder(folder)),
    ]
    # A thousand neighbours, so that the table is not a toy.
    table += [route(f"space-{number}", Folder(folder)) for number in range(1000)]
    proxy.routes = RouteTable(table)
    await proxy.start("127.0.0.1", port, hub_hosts=["localhost"])
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await stop.wait()
    await proxy.close()


def main() -> None:
    loop, port, backend, folder = sys.argv[1], int(sys.argv[2]), sys.argv[3], Path(sys.argv[4])
    app, echo = (int(text) for text in backend.split(","))
    if loop == "uvloop":
        import uvloop

        uvloop.install()
    asyncio.run(serve(port, app, echo, folder))


if __name__ == "__main__":
    main()
