"""A hub as in production, for git-lfs: behind the proxy, on uvloop, in a thread or as a process."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import uvloop
from aiohttp import web

from gitserver.lfs.answers import MEDIA_TYPE
from hub.create_space import NewSpace, create_space
from runtime.proxy.handover import only_for_the_hub
from runtime.proxy.server import Proxy
from spaceport.actor import SYSTEM
from spaceport.ledger import accounts, memberships, spaces
from spaceport.ledger.spaces import Visibility
from spaceport.roles import OrgRole
from spaceport.sdk import Sdk
from tests.disks import files_below
from tests.hub.conftest import Hub, make_app, make_context
from tests.hub.wire import Answer, free_port
from tests.waiting import eventually

JSON = {"Accept": MEDIA_TYPE, "Content-Type": MEDIA_TYPE}
Loop = Callable[[], asyncio.AbstractEventLoop]


@contextmanager
def serving(
    data: Path, *, port: int = 0, loop_of: Loop = uvloop.new_event_loop, **settings: Any
) -> Iterator[Hub]:
    """A hub of its own over `data`, and with what was there before."""
    port = port or free_port()
    context = make_context(data, port, **settings)
    context.repositories.sweep()
    context.large.sweep()
    loop = loop_of()
    ready = threading.Event()
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)

    async def serve() -> tuple[Proxy, web.AppRunner]:
        proxy = Proxy(threads=context.pools)
        app = make_app(context)
        app.middlewares.append(only_for_the_hub(lambda: proxy.hosts))
        runner = web.AppRunner(app, auto_decompress=False, access_log=None)
        await runner.setup()
        assert runner.server is not None
        hosts = ["localhost", "127.0.0.1"]
        await proxy.start("127.0.0.1", port, hub=runner.server, hub_hosts=hosts)
        return proxy, runner

    async def end(proxy: Proxy, runner: web.AppRunner) -> None:
        await proxy.close()
        await runner.cleanup()

    def run() -> None:
        asyncio.set_event_loop(loop)
        parts = loop.run_until_complete(serve())
        ready.set()
        loop.run_forever()
        loop.run_until_complete(end(*parts))
        loop.close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert ready.wait(20)
    try:
        yield Hub(context, port)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(20)
        context.pools.close()
        context.large.close()
        context.ledger.close()


@contextmanager
def process(data: Path, failpoints: str = "", **settings: Any) -> Iterator[tuple[int, Any]]:
    """The same as a process, to be killed; its port and itself."""
    said = data.parent / "port"
    said.unlink(missing_ok=True)
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.gitserver.lfs.world", data, said, json.dumps(settings)],
        env={**os.environ, "SPACEPORT_FAILPOINTS": failpoints},
    )
    try:
        yield int(eventually(lambda: said.exists() and said.read_text())), child
    finally:
        child.kill()
        child.wait()


def main() -> None:
    data, said, settings = Path(sys.argv[1]), Path(sys.argv[2]), json.loads(sys.argv[3])
    with serving(data, **settings) as hub:
        partial = said.with_suffix(".new")
        partial.write_text(str(hub.port))
        partial.rename(said)
        while True:
            time.sleep(3600)


def team(hub: Hub, org: str, names: tuple[str, ...]) -> tuple[str, str]:
    """Public Spaces of an organisation in which lock-ann and lock-bob write; their tokens."""
    with hub.context.ledger.write() as tx:
        account = accounts.by_name(tx, org) or accounts.create_org(tx, org)
    for name in ("lock-ann", "lock-bob"):
        user = hub.user(name)
        with hub.context.ledger.write() as tx:
            memberships.set_role(tx, account, user, OrgRole.WRITE)
    for name in names:
        wanted = NewSpace(org, name, Sdk.STATIC, visibility=Visibility.PUBLIC)
        create_space(hub.context, SYSTEM, wanted)
    return hub.token("lock-ann"), hub.token("lock-bob")


def key_of(hub: Hub, name: str) -> str:
    """The key of a Space of tess."""
    with hub.context.ledger.read() as tx:
        found = spaces.search(tx, author="tess", text=f"tess/{name}")
    return found[0].key


# -- requests ------------------------------------------------------------------------------------


def oid_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def batch(
    hub: Hub,
    space: str,
    token: str,
    operation: str,
    *objects: tuple[Any, Any],
    headers: Mapping[str, str] | None = None,
    **more: Any,
) -> Answer:
    asked = {
        "operation": operation,
        "objects": [{"oid": oid, "size": size} for oid, size in objects],
        **more,
    }
    return hub.wire.ask(
        "POST",
        f"/spaces/{space}.git/info/lfs/objects/batch",
        token=token,
        json_body=asked,
        headers={**JSON, **(headers or {})},
    )


def one(answer: Answer) -> dict[str, Any]:
    """The only object of a batch's answer."""
    assert answer.status == 200, answer.body
    (found,) = answer.json()["objects"]
    return dict(found)


def href(answer: Answer, action: str) -> str:
    """The path and query of an action's address."""
    return local(one(answer)["actions"][action]["href"])


def local(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}"


def upload(hub: Hub, space: str, token: str, data: bytes) -> str:
    """An object, in one request; its id."""
    oid = oid_of(data)
    asked = batch(hub, space, token, "upload", (oid, len(data)))
    done = hub.wire.ask("PUT", href(asked, "upload"), body=data)
    assert done.status == 200, done.body
    return oid


def download(hub: Hub, space: str, token: str, oid: str, size: int, **options: Any) -> Answer:
    asked = batch(hub, space, token, "download", (oid, size))
    return hub.wire.get(href(asked, "download"), **options)


def git(*words: object, cwd: Path, ok: bool = True) -> str:
    """git with git-lfs, as somebody would have set it up."""
    lfs = ["filter.lfs.clean=git-lfs clean -- %f", "filter.lfs.smudge=git-lfs smudge -- %f"]
    lfs += ["filter.lfs.process=git-lfs filter-process", "filter.lfs.required=true"]
    config = [part for each in lfs for part in ("-c", each)]
    done = subprocess.run(
        ["git", *config, *map(str, words)], cwd=cwd, capture_output=True, text=True, timeout=120
    )
    said = done.stdout + done.stderr
    assert not ok or done.returncode == 0, said
    assert ok or done.returncode != 0, said
    return said


def process_memory(pid: int | str = "self") -> int:
    """Bytes that the process has in memory for itself."""
    status = Path(f"/proc/{pid}/status").read_text()
    (line,) = [line for line in status.splitlines() if line.startswith("RssAnon:")]
    return int(line.split()[1]) * 1024


def stored(hub: Hub, oid: str) -> bool:
    return hub.context.large.store.size(oid) is not None


def left_behind(hub: Hub) -> list[str]:
    """Files of uploads that are not over."""
    staging = hub.context.large.staging.folder
    return [str(path.relative_to(staging)) for path in files_below(staging)]


if __name__ == "__main__":
    main()
