"""What every lane works with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from config.catalogue import Catalogue
from config.runtime import RuntimeSettings
from runtime.placement import Capacity
from runtime.prestart.pool import Pool
from runtime.publisher import Publisher
from runtime.relief import Relief
from runtime.secret_files import SecretFiles
from runtime.storage.keeping import Storage
from runtime.turns import Turns
from spaceport.engine import Engine
from spaceport.ledger import Ledger
from spaceport.ledger.database import Tx
from spaceport.names import SpaceKey
from spaceport.pools import Pools

Secrets = Callable[[Tx, SpaceKey], Mapping[str, str]]
"""The values of a Space's secrets, for its app's environment: `secrets.reveal` with the keyring."""


class TrafficSource(Protocol):
    """What the proxy knows of use; `runtime.proxy.server.Proxy` is one. Called on the loop."""

    def in_flight(self, replica_id: str) -> int:
        """Requests and WebSockets that this replica is answering now."""

    def last_used(self, space_key: SpaceKey) -> float:
        """Unix time of the last traffic; 0.0: none since the start of the process."""

    def open_connections(self, space_key: SpaceKey) -> int:
        """Requests and event streams that are open now; silent WebSockets do not count."""

    def awaited(self, space_key: SpaceKey) -> bool:
        """Whether somebody came lately, or waits, while it had no app to answer."""

    def cut(self, replica_id: str, *, websockets_only: bool = False) -> int:
        """End what is in flight on a replica."""


class NoTraffic:
    """For a runtime without a proxy of its own: nothing is ever in flight here."""

    def in_flight(self, replica_id: str) -> int:
        return 0

    def last_used(self, space_key: SpaceKey) -> float:
        return 0.0

    def open_connections(self, space_key: SpaceKey) -> int:
        return 0

    def awaited(self, space_key: SpaceKey) -> bool:
        return False

    def cut(self, replica_id: str, *, websockets_only: bool = False) -> int:
        return 0


@dataclass
class Host:
    """What the engine's machine has; unknown until the engine has answered once."""

    capacity: Capacity = field(default_factory=Capacity)
    can_freeze: bool = False
    one_user: bool = False
    can_reclaim: bool = False
    shares_memory: bool = False  # with this process
    can_prestart: bool | None = None  # None: not yet known


@dataclass(frozen=True)
class Tools:
    """`cleanup` removes what a deleted Space left on disk; it blocks, and may be repeated."""

    ledger: Ledger
    pools: Pools
    engine: Engine
    publisher: Publisher
    traffic: TrafficSource
    settings: RuntimeSettings
    catalogue: Catalogue
    instance: str
    data: Path
    hub_url: str
    space_host: Callable[[str], str]  # host label → public host
    secrets: Secrets
    secret_files: SecretFiles
    cleanup: Callable[[SpaceKey], None]
    room_made: Callable[[], None]  # a replica went: whoever waits for room should look again
    storage: Storage
    host: Host
    turns: Turns
    relief: Relief
    began: float  # Unix time of this process's start
    prestarted: Pool = field(default_factory=Pool)
