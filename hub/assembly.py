"""Puts all rooms together and runs them in one process: what `spaceport serve` does."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable
from dataclasses import replace
from urllib.parse import urlsplit

from aiohttp import web

from builder.assembly import make_worker
from builder.gc import forget
from config.proxy import ProxySettings
from config.settings import Settings
from gitserver.commit import Commits
from gitserver.export import Exporter
from gitserver.http import GitHttp, peer_address
from gitserver.lfs.desk import Desk
from gitserver.lfs.http import add_lfs
from gitserver.receive.service import ReceiveService
from gitserver.upload.rules import space_rules
from gitserver.upload.service import UploadService
from hooks.post_receive import Places
from hooks.preview_keeper import PreviewKeeper
from hooks.push_hooks import PushHooks
from hooks.reconcile import HeadReconciler
from hub.api import add_api
from hub.api.metrics import METER
from hub.bases import HostBases
from hub.context import HubContext
from hub.cors import add_cors
from hub.door import HubDoor
from hub.git_access import LedgerAccess
from hub.health import Health
from hub.janitor import Janitor
from hub.metrics.history import Recorder
from hub.metrics.meter import Meter
from hub.metrics.page import MetricsPage
from hub.origins import Origins
from hub.parts import Installation, open_installation
from hub.refused import ENGINE
from hub.single import only_server
from hub.sources import RepositorySources
from hub.ssh import SshRoom, Taken, start_ssh
from hub.web import add_web
from hub.xet import add_xet
from runtime.proxy.handover import only_for_the_hub
from runtime.proxy.routes import RouteTable
from runtime.proxy.server import Proxy
from runtime.supervisor import Supervisor
from spaceport.engine import Engine
from spaceport.ledger import accounts, invitations, secrets
from spaceport.ledger.invitations import Purpose
from spaceport.names import SpaceKey

logger = logging.getLogger(__name__)

Say = Callable[[str], None]

STOP_SECONDS = 30.0
RETRY_SECONDS = 5.0
LOOPBACK = ("localhost", "127.0.0.1", "[::1]")


def serve(settings: Settings, say: Say) -> None:
    """Run until SIGTERM or SIGINT. `say` tells the person at the terminal where things are.

    Raises `Misconfigured` before anything is served when the settings or the data folder are wrong.
    """
    with only_server(settings.data):
        installation = open_installation(settings)
        try:
            engine = installation.engine()
            with asyncio.Runner(loop_factory=_loop_factory()) as runner:
                runner.run(_serve(installation, engine, say))
        finally:
            installation.close()


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    try:
        import uvloop
    except ImportError:  # optional: everything works without it, a little slower
        return asyncio.new_event_loop
    return uvloop.new_event_loop


async def _serve(installation: Installation, engine: Engine, say: Say) -> None:
    server = Server(installation, engine)
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    port = await server.start()
    try:
        greet(server.context, engine, port, say)
        await stopped.wait()
        say("Stopping: what is under way may end; apps keep running.")
    finally:
        await server.stop()


class Server:
    """All rooms of one process. Create it inside the loop."""

    def __init__(self, installation: Installation, engine: Engine) -> None:
        context = installation.context
        settings, pools, ledger = context.settings, context.pools, context.ledger
        self._context = context
        self._engine = engine
        self._janitor = Janitor(context)
        self._proxy = Proxy(
            proxy_settings(settings),
            doorkeeper=HubDoor(ledger, pools, context.tickets),
            on_demand=lambda route: self._supervisor.on_demand(route),
            threads=pools,
        )
        self._supervisor = Supervisor(
            ledger,
            pools,
            engine,
            settings=settings.runtime,
            catalogue=context.catalogue,
            instance=installation.instance,
            data=settings.data,
            hub_url=settings.hub_url,
            space_host=settings.space_host,
            secrets=lambda tx, key: secrets.reveal(tx, context.keyring, key),
            publish=self._publish,
            traffic=self._proxy,
            cleanup=self._clean_up,
            sources=RepositorySources(context),
        )
        self._worker = make_worker(
            data=settings.data,
            settings=settings.builder,
            catalogue=context.sdks,
            ledger=ledger,
            pools=pools,
            keyring=context.keyring,
            engine=engine,
            bases=HostBases(engine, settings.data / "bases"),
            exporter=Exporter(context.repositories),
            large_of=context.large.files_of,
        )
        places = Places(settings.hub_url, settings.space_url)
        rules = space_rules(settings.git)
        self._upload = UploadService(settings.data / "cache" / "git", pools, rules)
        self._receive = ReceiveService(
            context.repositories,
            PushHooks(
                ledger,
                context.repositories,
                places,
                has_large=context.large.has,
                previews=settings.previews,
            ),
            pools,
        )
        self._metrics = MetricsPage(context, self._proxy.metrics)
        self._supervisor.freezer.thawed = self._metrics.thawed
        self._meter = Meter(engine, self._proxy)
        self._recorder = Recorder(ledger, pools, self._meter)
        self._reconciler = HeadReconciler(ledger, context.repositories, pools)
        self._previews = PreviewKeeper(ledger, context.repositories, pools, settings.previews)
        self._rooms: list[asyncio.Task[None]] = []
        self._web: web.AppRunner | None = None
        self._ssh: SshRoom | None = None

    @property
    def context(self) -> HubContext:
        """What the doors share; once started, it says where git over SSH is."""
        return self._context

    def _clean_up(self, key: SpaceKey) -> None:
        """What a deleted Space left, while its rows still name it. Blocks."""
        context = self._context
        forget(context.ledger, self._engine, context.data, key)
        self._janitor.remove_files(key)

    def _publish(self, routes: RouteTable) -> None:
        self._proxy.routes = routes

    async def start(self) -> int:
        """Serve; returns the port."""
        settings = self._context.settings
        # What a killed server left half done goes before anybody pushes again (DUR-11).
        await self._context.pools.run("git", self._context.repositories.sweep)
        await self._context.pools.run("git", self._context.large.sweep)
        await self._open_ssh()
        await self._metrics.begin()
        self._web = web.AppRunner(
            self._application(),
            auto_decompress=False,
            access_log=None,
            shutdown_timeout=STOP_SECONDS,  # for uploads and downloads that are under way
        )
        await self._web.setup()
        handler = self._web.server
        if handler is None:
            raise RuntimeError("the web server was not set up")
        for name, room in (
            ("supervisor", self._supervisor.run),
            ("builder", self._worker.run),
            ("reconciler", self._reconciler.run),
            ("previews", self._previews.run),
            ("janitor", self._janitor.run),
            ("recorder", self._recorder.run),
        ):
            self._rooms.append(asyncio.create_task(keep_running(name, room), name=name))
        return await self._proxy.start(
            settings.http.host,
            settings.http.port,
            hub=handler,
            domain=settings.domain,
            hub_hosts=hub_hosts(settings),
        )

    async def _open_ssh(self) -> None:
        """Before the pages, which tell where it is."""
        try:
            self._ssh = await start_ssh(self._context, self._upload, self._receive)
        except Taken as taken:
            logger.warning("git over SSH is not served: %s %s", taken, taken.hint)
        if self._ssh is not None:
            self._context = replace(self._context, ssh=self._ssh.door)

    def _application(self) -> web.Application:
        context = self._context
        app = web.Application()
        app.middlewares.append(only_for_the_hub(lambda: self._proxy.hosts))
        add_cors(app)
        access = LedgerAccess(context.ledger, context.pools)
        git = GitHttp(context.repositories, access, self._upload, self._receive)
        git.add_routes(app)
        add_lfs(app, lfs_desk(context, access))
        Health(context, self._engine).add_routes(app)
        self._metrics.add_routes(app)
        app[ENGINE] = self._engine
        app[METER] = self._meter
        add_xet(app, context)
        add_api(app, context, Commits(context.repositories, self._receive.concluder, context.pools))
        add_web(app, context)
        return app

    async def stop(self) -> None:
        """Take nothing new, let pushes end, leave apps running (DUR-17)."""
        ssh = [] if self._ssh is None else [self._ssh.server.close(STOP_SECONDS)]
        await asyncio.gather(self._proxy.close(grace=STOP_SECONDS), *ssh)
        await self._receive.close(STOP_SECONDS)
        for room in self._rooms:
            room.cancel()
        await asyncio.gather(*self._rooms, return_exceptions=True)
        await self._upload.close()
        if self._web is not None:
            await self._web.cleanup()


async def keep_running(name: str, room: Callable[[], Awaitable[None]]) -> None:
    """A room that breaks is started again: the others must not go down with it."""
    while True:
        try:
            await room()
        except asyncio.CancelledError:
            raise
        except Exception:
            logger.exception("the %s broke and is started again", name)
        await asyncio.sleep(RETRY_SECONDS)


def lfs_desk(context: HubContext, access: LedgerAccess) -> Desk:
    """What the routes of git-lfs share."""
    return Desk(
        context.large,
        context.passes,
        access,
        context.pools,
        origin_of=Origins(context.settings).of,
        address_of=peer_address,
    )


def proxy_settings(settings: Settings) -> ProxySettings:
    """What browsers see of the apps' addresses is known from the hub's."""
    seen = urlsplit(settings.apps_url or settings.hub_url)
    return settings.proxy.model_copy(
        update={"public_scheme": seen.scheme, "public_port": seen.port}
    )


def hub_hosts(settings: Settings) -> list[str]:
    """The host names under which the hub answers; everything else is an app's, or unknown."""
    names = [urlsplit(settings.hub_url).hostname or "localhost"]
    names += [host.rsplit(":", 1)[0] for host in settings.hub.hosts]
    if settings.http.loopback or names[0] in LOOPBACK:
        names += LOOPBACK
    return names


def greet(context: HubContext, engine: Engine, port: int, say: Say) -> None:
    """Where the hub is, what apps run on and, at first, how to become administrator."""
    settings = context.settings
    say(f"Spaceport is at {settings.hub_url}")
    apps = settings.space_url("<author>-<name>")
    say(f"Apps run {_ENGINES[engine.name]} and are served at {apps}")
    if context.ssh is not None:
        say(f"Git over SSH is at {context.ssh.clone_url('spaces/<author>/<name>')}")
        say(f"  its key is {context.ssh.host_keys[0]}")
    if port != settings.http.port:
        say(f"Listening on port {port}.")
    with context.ledger.write() as tx:
        if accounts.any_admin(tx):
            return
        text = invitations.create(tx, Purpose.ADMIN)
    say("There is no administrator yet. This link makes you one, once:")
    say(f"  {context.join_url(text)}")


_ENGINES = {"docker": "in containers", "process": "as local processes"}
