"""A hub with its API and git over HTTP on a real port, in a thread; no builder, no runtime."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pytest
from aiohttp import web

from config.catalogue import Catalogue
from config.hub import HubSettings
from config.sdks import SdkCatalogue
from config.settings import Settings
from gitserver.commit import Commits
from gitserver.content import Content
from gitserver.http import GitHttp
from gitserver.lfs.http import add_lfs
from gitserver.lfs.objects import LargeObjects
from gitserver.lfs.passes import Passes
from gitserver.receive.service import ReceiveService
from gitserver.repositories import Repositories
from gitserver.upload.service import UploadService
from hooks.post_receive import Places
from hooks.push_hooks import PushHooks
from hub.api import add_api
from hub.assembly import lfs_desk
from hub.context import HubContext
from hub.cors import add_cors
from hub.create_space import NewSpace, create_space
from hub.git_access import LedgerAccess
from hub.tickets import Tickets
from hub.xet import add_xet
from spaceport.actor import SYSTEM
from spaceport.ledger import Ledger, accounts, sessions, tokens
from spaceport.ledger.accounts import Account
from spaceport.ledger.keyring import open_keyring
from spaceport.ledger.spaces import Space, Visibility
from spaceport.pools import Pools
from spaceport.roles import Grant, TokenRole
from spaceport.sdk import Sdk
from tests.hub.matrix import Cast, make_cast
from tests.hub.wire import Wire, free_port

if TYPE_CHECKING:
    from huggingface_hub import HfApi

T = TypeVar("T")


def make_context(data: Path, port: int, **more: Any) -> HubContext:
    hub = HubSettings(keep_alive=0.5, recheck=1.0)
    settings = Settings(data=data, http=f"127.0.0.1:{port}", hub=hub, **more)  # type: ignore[arg-type]
    data.mkdir(parents=True, exist_ok=True)
    ledger = Ledger(settings.database_url)
    repositories = Repositories(data / "repos", settings.git)
    keyring = open_keyring(ledger, data / "keys")
    return HubContext(
        settings=settings,
        ledger=ledger,
        pools=Pools(),
        keyring=keyring,
        tickets=Tickets.open(ledger, keyring, timedelta(days=1)),
        repositories=repositories,
        content=Content(repositories),
        catalogue=Catalogue.load(),
        sdks=SdkCatalogue.load(),
        large=LargeObjects.open(ledger, settings.objects, data, settings.lfs),
        passes=Passes.open(ledger, keyring),
    )


def make_app(context: HubContext) -> web.Application:
    """The API, git, git-lfs and uploads through Xet; inside the loop."""
    app = web.Application()
    add_cors(app)
    places = Places(context.settings.hub_url, context.settings.space_url)
    hooks = PushHooks(context.ledger, context.repositories, places, has_large=context.large.has)
    receive = ReceiveService(context.repositories, hooks, context.pools)
    upload = UploadService(context.data / "cache" / "git", context.pools)
    access = LedgerAccess(context.ledger, context.pools)
    GitHttp(context.repositories, access, upload, receive).add_routes(app)
    add_lfs(app, lfs_desk(context, access))
    add_xet(app, context)
    add_api(app, context, Commits(context.repositories, receive.concluder, context.pools))
    app.on_cleanup.append(lambda _: receive.close())
    app.on_cleanup.append(lambda _: upload.close())
    return app


@dataclass
class Hub:
    """The running hub, and how tests make accounts, tokens and Spaces in it."""

    context: HubContext
    port: int
    issued: list[str] = field(default_factory=list)
    loop: asyncio.AbstractEventLoop | None = None  # in which it runs
    app: web.Application | None = None

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    @property
    def wire(self) -> Wire:
        return Wire(self.port)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """What the hub would do in its own loop."""
        assert self.loop is not None
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(60)

    def user(self, name: str) -> Account:
        with self.context.ledger.write() as tx:
            found = accounts.by_name(tx, name)
            return found or accounts.create_user(tx, name)

    def token(self, name: str, role: str = "write", *grants: Grant) -> str:
        account = self.user(name)
        with self.context.ledger.write() as tx:
            _, text = tokens.create(tx, account.id, "test", TokenRole(role), grants=grants)
        self.issued.append(text)
        return text

    def session(self, name: str) -> tuple[str, str]:
        """Cookie header and CSRF token of a new session."""
        account = self.user(name)
        with self.context.ledger.write() as tx:
            session, cookie = sessions.begin(tx, account.id)
        self.issued.append(cookie)
        return f"spaceport-session={cookie}", session.csrf

    def api(self, name: str) -> HfApi:
        """The real client, signed in as `name`."""
        from huggingface_hub import HfApi  # takes a second, which processes of tests do not have

        return HfApi(endpoint=self.url, token=self.token(name))

    def space(self, id: str, sdk: Sdk = Sdk.GRADIO, visibility: str = "public") -> Space:
        owner, name = id.split("/")
        self.user(owner)
        wanted = NewSpace(owner, name, sdk, visibility=Visibility(visibility))
        return create_space(self.context, SYSTEM, wanted)


@pytest.fixture(scope="session")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """One hub for the session; each test uses accounts of its own."""
    data = tmp_path_factory.mktemp("hub") / "data"
    port = free_port()
    # Tests have small large files.
    lfs = {"multipart_from": 15 << 20, "part_bytes": 4 << 20, "contributor_bytes": 40 << 20}
    context = make_context(data, port, lfs=lfs)
    hub = Hub(context, port)
    loop = hub.loop = asyncio.new_event_loop()
    ready = threading.Event()
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)

    async def serve() -> web.AppRunner:
        app = hub.app = make_app(context)
        runner = web.AppRunner(app, auto_decompress=False)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        return runner

    def run() -> None:
        asyncio.set_event_loop(loop)
        runner = loop.run_until_complete(serve())
        ready.set()
        loop.run_forever()
        loop.run_until_complete(runner.cleanup())
        loop.close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert ready.wait(20)
    yield hub
    loop.call_soon_threadsafe(loop.stop)
    thread.join(20)
    context.pools.close()
    context.ledger.close()


@pytest.fixture(scope="session")
def cast(hub: Hub) -> Cast:
    """Everybody who could ask for something, and a Space of each visibility."""
    return make_cast(hub)
