"""The watches of one Space's replicas: one for each that has a container."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from runtime.placement import Placement
from runtime.runlog import RunLog
from runtime.tools import Tools
from runtime.view import expectations
from runtime.watch import Watch, Watched
from spaceport.engine import ContainerState, Handle, Observed
from spaceport.errors import SpaceportError
from spaceport.ledger import releases
from spaceport.ledger.overview import Overview
from spaceport.ledger.releases import Release
from spaceport.ledger.replicas import Replica
from spaceport.logbook import log_path
from spaceport.names import SpaceKey
from spaceport.states import ReplicaState

RUNNING = (ContainerState.RUNNING, ContainerState.FROZEN)


class Watches:
    """True while it holds any."""

    def __init__(self, tools: Tools, poke: Callable[[], None]) -> None:
        self._tools = tools
        self._poke = poke
        self._by_replica: dict[str, Watch] = {}
        self._handles: dict[str, Handle | None] = {}

    def __bool__(self) -> bool:
        return bool(self._by_replica)

    def of(self, replica_id: str) -> Watch | None:
        return self._by_replica.get(replica_id)

    def has(self, handle: Handle) -> bool:
        return handle in self._handles.values()

    async def keep_up(self, view: Overview, claimed: Mapping[str, Observed] | None) -> None:
        """Watch exactly the living replicas; `claimed` None: the engine does not answer."""
        living = {replica.id: replica for replica in view.replicas}
        for replica_id in self._by_replica.keys() - living.keys():
            await self._drop(replica_id, gone=True)
        for replica_id, container in (claimed or {}).items():
            replica = living[replica_id]
            if replica.handle is None:
                continue  # adopted first
            watch = self._by_replica.get(replica_id) or await self.add(view, replica)
            watch.keep_up(
                running=container.state in RUNNING,
                starting=replica.state is ReplicaState.STARTING,
            )

    async def add(self, view: Overview, replica: Replica) -> Watch:
        """Begin to watch a replica; its log is opened, or taken up again."""
        tools, pools = self._tools, self._tools.pools
        release, masks = await pools.run("db", self._read, replica)
        log = await pools.run("files", self._open_log, view.space.key, replica, masks)
        watched = Watched(
            engine=tools.engine,
            pools=pools,
            handle=replica.handle or "",
            connect=tools.publisher.dial(replica),
            expected=expectations(release, Placement.from_json(replica.placement), tools.settings),
            host=tools.space_host(view.space.host_label),
            settings=tools.settings.start,
        )
        watch = self._by_replica[replica.id] = Watch(watched, log, self._poke)
        self._handles[replica.id] = replica.handle
        return watch

    async def close(self) -> None:
        for replica_id in list(self._by_replica):
            await self._drop(replica_id)

    async def _drop(self, replica_id: str, *, gone: bool = False) -> None:
        self._handles.pop(replica_id, None)
        await self._by_replica.pop(replica_id).close(gone=gone)

    def _read(self, replica: Replica) -> tuple[Release, tuple[str, ...]]:
        """The release, and the values that no log may hold."""
        given = self._tools.secret_files.values(replica.id)  # they may have been changed since
        with self._tools.ledger.read() as tx:
            release = releases.get(tx, replica.release_id)
            try:
                return release, (*self._tools.secrets(tx, replica.space_key).values(), *given)
            except SpaceportError:
                return release, given  # it cannot be started with them either

    def _open_log(self, key: SpaceKey, replica: Replica, masks: tuple[str, ...]) -> RunLog:
        path = log_path(self._tools.data, key, "run", replica.id)
        began = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")
        return RunLog(path, masks=masks, began=began)
