"""A supervisor with a real ledger, real containers, and apps of a few lines."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from config.catalogue import Catalogue
from config.runtime import CrashSettings, RuntimeSettings, StartSettings, StopSettings
from config.storage import StorageSettings
from runtime.pressure import Memory
from runtime.proxy.routes import Folder, Replicas, Route, RouteTable
from runtime.proxy.server import Proxy
from runtime.relief import read_memory
from runtime.secret_files import MEMORY
from runtime.supervisor import Supervisor
from spaceport import logbook
from spaceport.artifact import Artifact, ArtifactKind, ArtifactMount
from spaceport.engine import Engine
from spaceport.errors import SpaceportError
from spaceport.ledger import Ledger, builds, replicas, spaces
from spaceport.ledger.builds import Build
from spaceport.ledger.columns import now
from spaceport.ledger.database import Tx, sqlite_url
from spaceport.ledger.overview import Overview, overview
from spaceport.ledger.replicas import Replica
from spaceport.ledger.spaces import Visibility
from spaceport.ledger.tables import accounts
from spaceport.names import SpaceKey, new_key
from spaceport.pools import Pools
from spaceport.sdk import Sdk
from spaceport.stage import Wanted
from spaceport.states import BuildState
from tests.waiting import aeventually

OWNER = "1" * 24
QUICK = RuntimeSettings(
    start=StartSettings(misplaced_notice=0.5, build_patience=0.5),
    stop=StopSettings(drain=5, drain_least=0.2, drain_end=1, grace=5),
    crash=CrashSettings(limit=2, backoff=0.1, backoff_most=0.2),
    storage=StorageSettings(scratch=False),
    engine_retry=0.2,
)

SERVER = """
import http.server, os, sys
class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        {before}
        body = {body}.encode()
        self.send_response({status})
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *a): pass
{first}
print({hello!r}, flush=True)
http.server.ThreadingHTTPServer(({address!r}, {port}), Page).serve_forever()
"""


def server(
    body: str = "hello",
    *,
    before: str = "pass",
    first: str = "",
    hello: str = "serving",
    status: int = 200,
    address: str = "0.0.0.0",
    port: int = 7860,
) -> str:
    """An app that answers every request with `body`; `before` runs in each, `first` once."""
    return SERVER.format(
        body=repr(body),
        before=before,
        first=first,
        hello=hello,
        status=status,
        address=address,
        port=port,
    )


class Counting:
    """What is in flight of the requests that `World.get` makes, as a proxy would know it."""

    def __init__(self) -> None:
        self.now: dict[str, int] = {}
        self.used: dict[SpaceKey, float] = {}

    def in_flight(self, replica_id: str) -> int:
        return self.now.get(replica_id, 0)

    def last_used(self, space_key: SpaceKey) -> float:
        return self.used.get(space_key, 0.0)

    def open_connections(self, space_key: SpaceKey) -> int:
        return 0

    def awaited(self, space_key: SpaceKey) -> bool:
        return False

    def cut(self, replica_id: str, *, websockets_only: bool = False) -> int:
        return 0

    async def request(self, route: Route, path: str) -> str:
        if not isinstance(route.target, Replicas):
            return route.stage.value
        replica_id = route.target.upstreams[0].replica_id
        self.now[replica_id] = self.in_flight(replica_id) + 1
        self.used[route.space_key] = time.time()
        try:
            return await fetch(route, path)
        finally:
            self.now[replica_id] -= 1


@dataclass
class World:
    """Everything but the supervisor itself, which `start` makes, also again."""

    data: Path
    engine: Engine
    instance: str
    image: str
    settings: RuntimeSettings = QUICK
    traffic: Counting = field(default_factory=lambda: Counting())
    secrets: dict[SpaceKey, dict[str, str]] = field(default_factory=dict)
    cleaned: list[SpaceKey] = field(default_factory=list)
    tables: list[RouteTable] = field(default_factory=list)
    supervisor: Supervisor | None = None
    read_memory: Callable[[], Memory | None] = read_memory
    read_cpu: Callable[[], float | None] = lambda: 0.0  # else other tests would have a say
    proxy: Proxy | None = None  # then it counts what is in flight, and serves the routes

    def __post_init__(self) -> None:
        self.ledger = Ledger(sqlite_url(self.data))
        self.pools = Pools()
        self._task: asyncio.Task[None] | None = None
        with self.ledger.write() as tx:
            if tx.execute(accounts.select()).first() is None:
                tx.execute(
                    accounts.insert().values(
                        id=OWNER, name="ada", name_lower="ada", kind="user", created_at=now()
                    )
                )

    # the supervisor

    def start(self) -> Supervisor:
        self.supervisor = Supervisor(
            self.ledger,
            self.pools,
            self.engine,
            settings=self.settings,
            catalogue=Catalogue.load(),
            instance=self.instance,
            data=self.data,
            hub_url="http://localhost:8080",
            space_host=lambda label: f"{label}.localhost:8080",
            secrets=lambda _tx, key: self.secrets.get(key, {}),
            publish=self.publish,
            traffic=self.proxy or self.traffic,
            cleanup=self.cleaned.append,
            read_memory=self.read_memory,
            read_cpu=self.read_cpu,
        )
        self._task = asyncio.create_task(self.supervisor.run())
        return self.supervisor

    def publish(self, table: RouteTable) -> None:
        self.tables.append(table)
        if self.proxy is not None:
            self.proxy.routes = table

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def close(self) -> None:
        await self.stop()
        await asyncio.to_thread(self._remove_containers)
        shutil.rmtree(MEMORY / f"spaceport-{self.instance}-secrets", ignore_errors=True)
        self.pools.close()
        self.ledger.close()

    def _remove_containers(self) -> None:
        for found in self.engine.list({}):
            self.engine.remove(found.handle)

    # what people and the builder do

    def space(self, name: str = "app", *, sdk: Sdk = Sdk.GRADIO, flavor: str = "cpu-basic") -> str:
        key = new_key()
        with self.ledger.write() as tx:
            spaces.create(
                tx,
                key,
                OWNER,
                name,
                creator_id=OWNER,
                visibility=Visibility.PUBLIC,
                sdk=sdk,
                flavor=flavor,
            )
        return key

    def push(
        self,
        key: SpaceKey,
        code: str,
        card: Mapping[str, Any] | None = None,
        **artifact: Any,
    ) -> Build:
        """A revision that was pushed and built: `code` is its app.py."""
        revision = new_key() + "0" * 16
        checkout = self.data / "checkouts" / key / revision
        checkout.mkdir(parents=True)
        (checkout / "app.py").write_text(code)
        made = Artifact(
            kind=ArtifactKind.ENVIRONMENT,
            image=self.image,
            command=("python3", "app.py"),
            working_dir="/home/user/app",
            mounts=(ArtifactMount(f"checkouts/{key}/{revision}", "/home/user/app"),),
            app_file="app.py",
        )
        fields = {**made.__dict__, **artifact}
        with self.ledger.write() as tx:
            spaces.move_head(tx, key, revision, dict(card or {"sdk": "gradio"}))
            return self._built(tx, key, revision, Artifact(**fields))

    def _built(self, tx: Tx, key: SpaceKey, revision: str, artifact: Artifact) -> Build:
        queued = builds.queue(tx, key, revision)
        builds.move(tx, queued, BuildState.RUNNING)
        running = builds.get(tx, queued.id)
        if running is None:
            raise LookupError(queued.id)
        builds.move(tx, running, BuildState.SUCCEEDED, artifact=artifact)
        return running

    def push_folder(self, key: SpaceKey, page: str) -> None:
        revision = new_key() + "0" * 16
        folder = self.data / "checkouts" / key / revision
        folder.mkdir(parents=True)
        (folder / "index.html").write_text(page)
        made = Artifact(
            kind=ArtifactKind.FOLDER,
            folder=f"checkouts/{key}/{revision}",
            app_file="index.html",
        )
        with self.ledger.write() as tx:
            spaces.move_head(tx, key, revision, {"sdk": "static"})
            self._built(tx, key, revision, made)

    def want(self, key: SpaceKey, wanted: Wanted) -> None:
        with self.ledger.write() as tx:
            spaces.want(tx, key, wanted)

    def restart(self, key: SpaceKey) -> None:
        with self.ledger.write() as tx:
            spaces.restart(tx, key)

    def delete(self, key: SpaceKey) -> None:
        with self.ledger.write() as tx:
            spaces.mark_deleted(tx, key)

    def change_settings(self, key: SpaceKey) -> None:
        with self.ledger.write() as tx:
            spaces.settings_changed(tx, key)

    # what can be seen

    def view(self, key: SpaceKey) -> Overview:
        with self.ledger.read() as tx:
            return overview(tx, key)

    def stage(self, key: SpaceKey) -> str:
        return self.view(key).standing.stage.value

    def cause(self, key: SpaceKey) -> str:
        told = self.view(key).standing.explanation
        return told.cause.name if told else ""

    def newest_replica(self, key: SpaceKey) -> Replica:
        with self.ledger.read() as tx:
            found = replicas.newest(tx, key)
        if found is None:
            raise LookupError(key)
        return found

    def run_log(self, key: SpaceKey, replica_id: str | None = None) -> list[str]:
        replica_id = replica_id or self.newest_replica(key).id
        entries = logbook.read(logbook.log_path(self.data, key, "run", replica_id))
        return [entry.data.rstrip("\n") for entry in entries]

    def route(self, key: SpaceKey) -> Route | None:
        table = self.tables[-1] if self.tables else RouteTable()
        own = (route for route in table if route.space_key == key and not route.moved_to)
        return next(own, None)

    def containers(self) -> list[str]:
        return [one.handle for one in self.engine.list({})]

    async def get(self, key: SpaceKey, path: str = "/") -> str:
        """What a visitor would get: the body, "folder", or the stage when there is no app."""
        route = self.route(key)
        if route is None:
            return "404"
        if isinstance(route.target, Folder):
            return "folder"
        return await self.traffic.request(route, path)

    async def becomes(self, key: SpaceKey, stage: str, timeout: float = 30) -> None:
        await aeventually(lambda: self.stage(key) == stage, timeout)

    async def serves(self, key: SpaceKey, body: str, timeout: float = 30) -> None:
        async def right() -> bool:
            return await self.get(key) == body

        await aeventually(right, timeout)

    async def settled(self, key: SpaceKey, containers: int, timeout: float = 30) -> None:
        """So many living replicas and containers, in ledger and engine."""

        async def right() -> bool:
            found = await asyncio.to_thread(self.containers)
            return len(found) == containers == len(self.view(key).replicas)

        await aeventually(right, timeout)


async def fetch(route: Route, path: str = "/") -> str:
    """The body of one request to the first upstream, or "error" when it breaks."""
    if not isinstance(route.target, Replicas):
        return route.stage.value
    try:
        sock = await route.target.upstreams[0].connect()
        reader, writer = await asyncio.open_connection(sock=sock)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        answer = await asyncio.wait_for(reader.read(), 20)
        writer.close()
    except (OSError, SpaceportError) as error:
        return f"error: {error}"
    return answer.partition(b"\r\n\r\n")[2].decode()
