"""The hub's pages with its API on a real port, and a visitor with cookies like a browser's."""

from __future__ import annotations

import asyncio
import http.client
import re
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlencode

import pytest
from aiohttp import web
from playwright.sync_api import Page, sync_playwright

from gitserver.commit import Commits
from gitserver.receive.service import ReceiveService
from hooks.head import note_head
from hooks.post_receive import Places
from hooks.push_hooks import PushHooks
from hub.api import add_api
from hub.context import SshDoor
from hub.create_space import NewSpace, create_space
from hub.web import add_web
from spaceport.actor import SYSTEM
from spaceport.ledger import spaces
from spaceport.ledger.spaces import Space, Visibility
from spaceport.sdk import Sdk
from tests.conftest import CHROMIUM
from tests.e2e.browser import FLAGS
from tests.hub.conftest import Hub, make_context
from tests.hub.wire import free_port


@dataclass
class Reply:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def location(self) -> str:
        return self.headers.get("Location", "")


@dataclass
class Visitor:
    """Asks as a browser does: keeps its cookie, sends where it comes from with each POST."""

    port: int
    cookie: str = ""
    csrf: str = ""
    extra: dict[str, str] = field(default_factory=dict)

    @property
    def origin(self) -> str:
        return f"http://localhost:{self.port}"

    def ask(
        self,
        method: str,
        path: str,
        *,
        fields: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        sent = {"Host": f"localhost:{self.port}", **self.extra, **(headers or {})}
        if self.cookie and "Cookie" not in sent:
            sent["Cookie"] = self.cookie
        body = None
        if fields is not None:
            body = urlencode(fields).encode()
            sent.setdefault("Content-Type", "application/x-www-form-urlencoded")
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body=body, headers=sent)
            answer = connection.getresponse()
            reply = Reply(answer.status, answer.headers, answer.read())
        finally:
            connection.close()
        for header in answer.headers.get_all("Set-Cookie") or []:
            self.cookie = header.partition(";")[0]
        return reply

    def get(self, path: str, **headers: str) -> Reply:
        return self.ask("GET", path, headers=headers)

    def post(self, path: str, **fields: str) -> Reply:
        """As a form of ours: from our origin, with the session's token."""
        sent = {"csrf": self.csrf, **fields} if self.csrf else fields
        return self.ask("POST", path, fields=sent, headers={"Origin": self.origin})

    def learn_csrf(self) -> None:
        """Read the token from a page, as the browser's form has it."""
        found = re.search(r'name="csrf" value="([^"]+)"', self.get("/settings").text)
        assert found is not None
        self.csrf = found[1]


@dataclass
class Site(Hub):
    """The running hub with its pages."""

    def visitor(self, name: str = "") -> Visitor:
        """Signed in as `name`, or nobody."""
        if not name:
            return Visitor(self.port)
        cookie, csrf = self.session(name)
        return Visitor(self.port, cookie, csrf)

    def made(
        self,
        id: str,
        sdk: Sdk = Sdk.GRADIO,
        visibility: str = "public",
        files: Mapping[str, str | bytes] | None = None,
        folder: Path | None = None,
    ) -> Space:
        """A Space, with `files` pushed by stock git from a clone in `folder`."""
        owner, name = id.split("/")
        self.user(owner)
        wanted = NewSpace(owner, name, sdk, visibility=Visibility(visibility))
        space = create_space(self.context, SYSTEM, wanted)
        if files and folder:
            self.push(space, files, folder / name)
        with self.context.ledger.read() as tx:
            return spaces.get(tx, space.key)

    def push(self, space: Space, files: Mapping[str, str | bytes], work: Path) -> None:
        bare = str(self.context.repositories.path(space.key))
        _git("clone", "-q", bare, str(work))
        for path, content in files.items():
            target = work / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content.encode() if isinstance(content, str) else content)
        _git("-C", str(work), "add", "-A", "-f")
        _git("-C", str(work), "commit", "-q", "-m", "<b>files</b>")
        _git("-C", str(work), "push", "-q", bare, "HEAD:refs/heads/main")
        with self.context.ledger.write() as tx:
            note_head(tx, self.context.repositories, space.key)

    @contextmanager
    def browser(self, name: str = "", **options: object) -> Iterator[Page]:
        """Chromium, signed in as `name`; fails the test when a page of ours has a script error."""
        troubles: list[str] = []
        with sync_playwright() as playwright:
            chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
            try:
                context = chromium.new_context(**options)  # type: ignore[arg-type]
                if name:
                    key, _, value = self.session(name)[0].partition("=")
                    context.add_cookies([{"name": key, "value": value, "url": self.url}])
                page = context.new_page()
                page.on("pageerror", lambda error: troubles.append(str(error)))
                yield page
            finally:
                chromium.close()
        assert not troubles


def _git(*words: str) -> None:
    identity = ("-c", "user.name=<i>Ada</i>", "-c", "user.email=ada@example.org")
    ran = subprocess.run(["git", *identity, *words], capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stderr


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One for the session; each test uses accounts of its own."""
    port = free_port()
    context = replace(
        make_context(tmp_path_factory.mktemp("site") / "data", port),
        ssh=SshDoor("git", "localhost", 2222, ("ssh-ed25519 SHA256:abc",)),
    )
    loop = asyncio.new_event_loop()
    ready = threading.Event()

    async def start() -> web.AppRunner:
        app = web.Application()
        places = Places(context.settings.hub_url, context.settings.space_url)
        hooks = PushHooks(context.ledger, context.repositories, places)
        receive = ReceiveService(context.repositories, hooks, context.pools)
        add_api(app, context, Commits(context.repositories, receive.concluder, context.pools))
        add_web(app, context)
        app.on_cleanup.append(lambda _: receive.close())
        runner = web.AppRunner(app, handler_cancellation=True)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        return runner

    def run() -> None:
        asyncio.set_event_loop(loop)
        runner = loop.run_until_complete(start())
        ready.set()
        loop.run_forever()
        loop.run_until_complete(runner.cleanup())
        loop.close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert ready.wait(20)
    yield Site(context, port)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(20)
    context.pools.close()
    context.ledger.close()
