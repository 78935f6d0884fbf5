"""An engine made of a dict, with the real ledger and what a lane works with around it."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

from config.catalogue import Catalogue
from config.runtime import CrashSettings, RuntimeSettings, StartSettings, StopSettings
from runtime.relief import Relief
from runtime.secret_files import SecretFiles
from runtime.storage.keeping import Storage
from runtime.storage.needs import Needs
from runtime.tools import Host, NoTraffic, Tools
from runtime.turns import Turns
from spaceport.engine import (
    LABEL_REPLICA,
    ContainerSpec,
    ContainerState,
    EngineDown,
    EngineRefused,
    Exit,
    Mount,
    NoSuchContainer,
    Observed,
)
from spaceport.ledger import Ledger, replicas
from spaceport.ledger.columns import now
from spaceport.ledger.tables import accounts
from spaceport.names import SpaceKey, new_key

AT_ONCE = RuntimeSettings(
    start=StartSettings(misplaced_fail=0.5, build_patience=0),
    stop=StopSettings(drain=0, drain_least=0, drain_end=0),
    crash=CrashSettings(limit=1000, backoff=0),
)
OWNER = "1" * 24


@dataclass
class DictEngine:
    """Containers as rows of a dict; `nature` is the first word of the command."""

    ledger: Ledger
    name: str = "dict"
    up: bool = True
    containers: dict[str, Observed] = field(default_factory=dict)
    natures: dict[str, str] = field(default_factory=dict)

    def start(self, spec: ContainerSpec) -> str:
        if not self.up:
            raise EngineDown("away")
        with self.ledger.read() as tx:
            replicas.get(tx, spec.labels[LABEL_REPLICA])  # never a container without a row
        nature = (spec.command or ("",))[0]
        if nature == "refused":
            raise EngineRefused("no")
        handle = new_key()
        self.containers[handle] = Observed(handle, ContainerState.RUNNING, spec.labels)
        self.natures[handle] = nature
        return handle

    def hold(self, handle: str, state: ContainerState) -> None:
        if not self.up:
            raise EngineDown("away")
        found = self.containers.get(handle)
        if found is None or found.state is ContainerState.EXITED:
            raise NoSuchContainer(handle)
        if self.natures.get(handle) == "stiff":
            raise EngineRefused("no")
        self.containers[handle] = replace(found, state=state)

    def end(self, handle: str, code: int) -> None:
        found = self.containers[handle]
        self.containers[handle] = replace(found, state=ContainerState.EXITED, exit=Exit(code))


def shared_ledger() -> Ledger:
    ledger = Ledger(f"sqlite:///{Path(tempfile.mkdtemp(prefix='spaceport-model')) / 'l.sqlite3'}")
    with ledger.write() as tx:
        tx.execute(
            accounts.insert().values(
                id=OWNER, name="ada", name_lower="ada", kind="user", created_at=now()
            )
        )
    return ledger


class NoMounts(Storage):
    def mounts(self, needs: Needs) -> tuple[Mount, ...]:
        return ()

    def remove_of(self, key: SpaceKey) -> None:
        pass


def plain_tools(ledger: Ledger, engine: DictEngine, host: Host) -> Tools:
    """What a lane works with, where nothing is on disk and nobody visits."""
    made: Tools = cast(Any, Tools)(
        ledger=ledger,
        pools=None,
        engine=engine,
        publisher=None,
        traffic=NoTraffic(),
        settings=AT_ONCE,
        catalogue=Catalogue.load(),
        instance="i",
        data=Path("/data"),
        hub_url="http://h",
        space_host=str,
        secrets=lambda _tx, _key: {},
        secret_files=SecretFiles("i", memory=Path("/absent")),
        cleanup=lambda _key: None,
        room_made=lambda: None,
        storage=NoMounts(ledger, Path("/nonexistent"), AT_ONCE.storage),
        host=host,
        turns=Turns(lambda: 1, longest=20),
        relief=Relief(AT_ONCE.memory),
        began=0.0,
    )
    return made
