"""What a container engine must do, as data and one Protocol.

Implemented by `runtime.engine.docker` and `runtime.engine.process`; used by the builder (throwaway
steps, images) and the runtime (apps). Both implementations pass `tests/contracts/test_engine_*.py`.
All calls block: run them on the `engine` thread pool.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from spaceport.egress import Destination
from spaceport.errors import SpaceportError, Unavailable

Handle = str
"""The engine's own name of a container (64 hex digits with Docker)."""

LABEL_INSTANCE = "spaceport.instance"
LABEL_SPACE = "spaceport.space"
LABEL_BUILD = "spaceport.build"
LABEL_REPLICA = "spaceport.replica"
LABEL_EGRESS = "spaceport.egress"
LABEL_ADDRESS = "spaceport.address"
LABEL_WAITING = "spaceport.waiting"
"""On a container that was started ahead; it has none of the others, also when it became an app."""


class EngineDown(Unavailable):
    """Raised by any call when the engine itself does not answer."""


class EngineRefused(SpaceportError):
    """Raised when the engine answered and would not do it; the text is the engine's."""


class NoSuchContainer(SpaceportError):
    """Raised for a handle that the engine does not know (any more)."""


class Network(StrEnum):
    NONE = "none"  # loopback only
    APP = "app"  # the bridge of the Spaces, with the network policy
    BUILD = "build"  # the bridge of builds; package indexes can be reached
    CHOSEN = "chosen"  # a bridge from which nothing is reached but name servers and `egress`


@dataclass(frozen=True)
class Mount:
    """A host path in the container; read-only unless said otherwise."""

    source: Path
    target: str
    read_only: bool = True


@dataclass(frozen=True)
class Tmpfs:
    target: str
    size: int  # bytes
    mode: int = 0o1777
    exec: bool = True


@dataclass(frozen=True)
class Limits:
    """cpus in cores, memory in bytes (swap included), pids as a count; None is unlimited."""

    cpus: float | None = None
    memory: int | None = None
    pids: int | None = 1024
    shm: int | None = None
    nofile: int | None = None
    disk: int | None = None  # bytes in its own root; where the engine cannot, `written` tells


@dataclass(frozen=True)
class ContainerSpec:
    """One container, exactly. `env` holds secrets: it is never shown by `repr`."""

    name: str
    image: str  # a reference that `Engine.images` can resolve: an image, or a base tree's name
    command: tuple[str, ...] | None = None  # None: what the image says
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    working_dir: str | None = None
    user: str | None = "1000:1000"
    mounts: tuple[Mount, ...] = ()
    tmpfs: tuple[Tmpfs, ...] = ()
    read_only_root: bool = True
    network: Network = Network.APP
    egress: tuple[Destination, ...] = ()  # of `Network.CHOSEN`: what can be reached
    gpus: tuple[str, ...] = ()  # by device id, never by number of them
    limits: Limits = Limits()
    labels: Mapping[str, str] = field(default_factory=dict)
    low_priority: bool = False  # builds: a smaller share of CPU than any app


class ContainerState(StrEnum):
    RUNNING = "running"
    FROZEN = "frozen"
    EXITED = "exited"
    CREATED = "created"  # made, but its start failed or has not happened


@dataclass(frozen=True)
class Exit:
    """How a container ended. `code` is 128 + signal for a signal."""

    code: int
    out_of_memory: bool = False
    error: str = ""  # the engine's own words when the command could not be run at all


@dataclass(frozen=True)
class Observed:
    """A container as the engine sees it now."""

    handle: Handle
    state: ContainerState
    labels: Mapping[str, str]
    exit: Exit | None = None
    pid: int | None = None  # of its first process; told by `inspect`, not always by `list`


@dataclass(frozen=True)
class Usage:
    """What a container has used since its start, and holds now. Sizes in bytes; None: untold."""

    cpu_seconds: float
    memory: int
    memory_limit: int | None = None
    received: int | None = None
    sent: int | None = None
    disk: int | None = None  # in the places that it may write to and that are its own


@dataclass(frozen=True)
class Refused:
    """An attempt to reach something that the network policy does not allow, and how often."""

    address: str
    port: int
    protocol: str  # "tcp" or "udp"
    count: int
    ago: float  # seconds since the last one


@dataclass(frozen=True)
class Listening:
    """A TCP socket that something in the container listens on."""

    address: str  # "0.0.0.0", "127.0.0.1", "::", ...
    port: int


@dataclass(frozen=True)
class EngineInfo:
    """What `doctor` prints, and what plans depend on."""

    name: str  # "docker" or "process"
    version: str
    api_version: str = ""
    cgroup_version: int = 0
    cpus: int = 0
    memory: int = 0
    can_build_images: bool = False
    can_pull: bool = False  # a registry is configured or reachable; decided when first tried
    can_freeze: bool = False
    can_reclaim: bool = False  # frozen memory can be pushed out: the host has swap
    can_prestart: bool = False  # a network of its own for each, and mounts as they are told
    isolates_network: bool = False
    one_user: bool = False  # the user of every container is the same one on the host
    local: bool = True  # it sees this machine's folders
    maps_users: bool = False  # users inside are others on the host, and which is not known
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class LogLine:
    """One piece of output; `text` has no line end. `stamp` is RFC 3339 with nanoseconds."""

    stamp: str
    text: str


Output = Callable[[str], None]
"""Takes one line of output, without its end, as soon as there is one."""

Cancelled = Callable[[], bool]
"""Asked a few times a second; true means end it now."""


@dataclass(frozen=True)
class ImageBuild:
    """A Dockerfile build by BuildKit. `secrets` are offered as mounts and never shown."""

    context: Path
    dockerfile: str
    tag: str
    build_args: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    labels: Mapping[str, str] = field(default_factory=dict)
    no_cache: bool = False


class Engine(Protocol):
    """Nothing that lacks our instance's label is ever listed, stopped or removed."""

    @property
    def name(self) -> str: ...

    def probe(self) -> EngineInfo:
        """Raises `EngineDown` with the reason and, as hint, what to do."""

    def start(self, spec: ContainerSpec) -> Handle:
        """Create and start. Raises `EngineRefused`; then nothing is left behind.

        A container of the same name that is left from before is removed first.
        """

    def run(
        self,
        spec: ContainerSpec,
        output: Output,
        *,
        timeout: float,
        cancelled: Cancelled = lambda: False,
    ) -> Exit:
        """Start, stream its output, wait, remove. For build steps.

        Raises `TimeoutError` when `timeout` seconds are over and `InterruptedError` when
        `cancelled` said so; the container is gone in either case.
        """

    def stop(self, handle: Handle, grace: float) -> None:
        """TERM, after `grace` seconds KILL; returns when it has ended. Gone already is fine."""

    def remove(self, handle: Handle) -> None:
        """End it if need be and forget it. Gone already is fine."""

    def freeze(self, handle: Handle) -> None:
        """Hold every process; its memory stays."""

    def thaw(self, handle: Handle) -> None:
        """Let every process go on; what was pushed out is fetched as it is used."""

    def reclaim(self, handle: Handle) -> None:
        """Push the memory of a frozen container out to swap; one that runs is left alone.

        Takes up to some seconds, and may be thawed meanwhile. Raises `EngineRefused` where that
        cannot be done (`EngineInfo.can_reclaim`), `NoSuchContainer`.
        """

    def list(self, labels: Mapping[str, str]) -> Sequence[Observed]:
        """All of ours, also the ended ones, that carry these labels."""

    def inspect(self, handle: Handle) -> Observed:
        """Raises `NoSuchContainer`."""

    def usage(self, handle: Handle) -> Usage:
        """Cheap enough for once a second, and does not thaw. Raises `NoSuchContainer`."""

    def written(self) -> Mapping[Handle, int]:
        """Bytes that each running container of ours has in its own root, written by itself.

        Frozen ones, which write nothing, and those that cannot write there may be left out. Costs
        a walk over what they wrote: for every few seconds.
        """

    def wait(self, handle: Handle) -> Exit:
        """Block until it has ended. Raises `NoSuchContainer`."""

    def logs(self, handle: Handle, since: str | None = None) -> Iterator[LogLine]:
        """Follow the output, older lines first, to the end of the container.

        `since` is the stamp of a `LogLine`; lines with that stamp or older are left out.
        """

    def connect(self, handle: Handle, port: int, timeout: float) -> socket.socket:
        """A connected, non-blocking TCP socket to the app, bound to this very container.

        Raises `OSError` when nothing listens there, `NoSuchContainer` when it has ended.
        """

    def listening(self, handle: Handle) -> Sequence[Listening]:
        """What the container listens on; empty when that cannot be seen."""

    def refused(self, handle: Handle) -> Sequence[Refused]:
        """What the network policy kept it from, the most frequent first; empty when that cannot
        be told. Raises `NoSuchContainer`."""

    def guard(self) -> None:
        """Put the network policy in force again where it is not, and look names up anew.

        Raises `Misconfigured` when it cannot; then nothing is started either.
        """

    def build_image(
        self,
        build: ImageBuild,
        output: Output,
        *,
        timeout: float,
        cancelled: Cancelled = lambda: False,
    ) -> str:
        """Build and return the image's id. Raises `EngineRefused` with the failing step's words,
        and `TimeoutError` and `InterruptedError` as `run` does."""

    def has_image(self, reference: str) -> bool: ...

    def pull(self, reference: str) -> bool:
        """Fetch from a registry; False when none can be reached or it has no such image."""

    def import_tree(self, tree: Path, reference: str, env: Mapping[str, str]) -> None:
        """Make the folder `tree` usable as `ContainerSpec.image` under `reference`."""

    def remove_image(self, reference: str) -> None: ...

    def watch(self, changed: Callable[[Handle], None], stopped: Callable[[], bool]) -> None:
        """Call `changed` for each of ours that started, ended, ran out of memory or was frozen.

        Returns within a second after `stopped` says true, and raises nothing meanwhile: while the
        engine does not answer it tries again, and then calls `changed` for whatever is not as it
        was. A handle may be named more than once, and one that is gone too. Run it on the `follow`
        pool; errors that `changed` raises end it.
        """

    def close(self) -> None:
        """End log streams and free what this object holds. Containers go on."""
