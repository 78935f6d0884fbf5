"""One upload by hand, and a hub that can be started anew."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from gitserver.pointer import Pointer
from hub.context import HubContext
from spaceport.ledger.spaces import Space
from tests.disks import files_below
from tests.gitserver.xet.making import name, sha256, shard
from tests.hub.conftest import Hub, make_app
from tests.hub.wire import Answer


@dataclass
class Sending:
    """One upload by hand."""

    hub: Hub
    space: Space
    path: str
    token: str

    def post(self, path: str, body: bytes, **more: str) -> Answer:
        headers = {"Content-Type": "application/octet-stream", **more}
        return self.hub.wire.ask(
            "POST", self.path + path, token=self.token, body=body, headers=headers
        )

    def xorb(self, number: int, body: bytes) -> Answer:
        return self.post(f"/v1/xorbs/default/{name(number)}", body)

    def shard(self, *files: bytes) -> Answer:
        return self.post("/v1/shards", shard(*files))

    def holds(self, data: bytes) -> bool:
        pointer = Pointer(sha256(data), len(data))
        return self.hub.context.large.has(self.space.key, pointer)

    @property
    def waiting(self) -> list[Path]:
        return [path for path in spooled(self.hub) if path.parent.name == self.path[5:]]


def spooled(hub: Hub) -> list[Path]:
    return files_below(hub.context.data / "xet")


def begin(hub: Hub, space: Space, user: str, token: str = "") -> Sending:
    token = token or hub.token(user)
    answer = hub.wire.get(f"/api/spaces/{space.id}/xet-write-token/main", token=token)
    assert answer.status == 200, answer.body
    found = answer.json()
    assert answer.headers["X-Xet-Cas-Url"] == found["casUrl"]
    return Sending(hub, space, found["casUrl"].removeprefix(hub.url), found["accessToken"])


@asynccontextmanager
async def serving(context: HubContext) -> AsyncIterator[None]:
    """The hub, started anew."""
    runner = web.AppRunner(make_app(context), auto_decompress=False)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", context.settings.http.port).start()
    try:
        yield
    finally:
        await runner.cleanup()
