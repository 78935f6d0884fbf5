"""Running one throwaway container of a build, within the build's bounds."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from builder.failed import BuildFailed
from builder.folders import build_user
from builder.places import HOME, TMP
from config.builder import BuilderSettings
from spaceport.cause import Cause
from spaceport.egress import DEFAULT_EGRESS, Destination, Egress, Preset
from spaceport.engine import (
    LABEL_BUILD,
    LABEL_SPACE,
    Cancelled,
    ContainerSpec,
    Engine,
    Limits,
    Mount,
    Network,
    Output,
    Tmpfs,
)
from spaceport.masking import Masks
from spaceport.names import SpaceKey

CA_BUNDLE = "/opt/spaceport/ca.pem"
_CA_VARIABLES = (
    "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "PIP_CERT", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS",
    "GIT_SSL_CAINFO",
)  # fmt: skip
KILLED = 137
PYPI = ("https://pypi.org/", "https://files.pythonhosted.org/")
DISK_EVERY = 1.0  # seconds between two looks at the disk


@dataclass
class Attempt:
    """One try at one build: whom it is for, where its words go, and when it must end.

    `say` takes a line of our own, `output` one of a program. `stop_asked` tells that the build is
    not wanted any more.
    """

    build_id: str
    space_key: SpaceKey
    say: Output
    output: Output
    stop_asked: Callable[[], bool]
    deadline: float  # time.monotonic()
    tail: list[str] = field(default_factory=list)
    egress: Egress = DEFAULT_EGRESS
    masks: Masks = field(default_factory=lambda: Masks(()), repr=False)

    TAIL = 200

    def hear(self, line: str) -> None:
        """Log a program's line, and remember the last ones to find out a cause.

        A cause is told to everybody, so what is remembered holds no secret value either.
        """
        line = self.masks.hide(line)
        self.output(line)
        self.tail.append(line)
        del self.tail[: -self.TAIL]

    def check(self) -> None:
        """Raises `InterruptedError` when it is to end now, `TimeoutError` when it is late."""
        if self.stop_asked():
            raise InterruptedError
        if self.remaining <= 0:
            raise TimeoutError

    @property
    def remaining(self) -> float:
        return self.deadline - time.monotonic()

    @property
    def labels(self) -> dict[str, str]:
        return {LABEL_SPACE: self.space_key, LABEL_BUILD: self.build_id}


NETWORKS = {
    Preset.DEFAULT: Network.BUILD,
    Preset.ALLOW_LIST: Network.BUILD,  # the list is about the app
    Preset.INDEX_ONLY: Network.CHOSEN,
    Preset.NONE: Network.NONE,
}


def index_destinations(settings: BuilderSettings) -> tuple[Destination, ...]:
    """The package indexes that all Spaces may use."""
    urls = [settings.index_url] if settings.index_url else list(PYPI)
    split = [urlsplit(url) for url in (*urls, *settings.trusted_indexes)]
    ports = {"http": 80, "https": 443}
    return tuple(
        dict.fromkeys(
            Destination(each.hostname, each.port or ports.get(each.scheme))
            for each in split
            if each.hostname
        )
    )


class Steps:
    """Starts containers for attempts."""

    def __init__(self, engine: Engine, settings: BuilderSettings, data: Path) -> None:
        self._engine = engine
        self._settings = settings
        self._data = data

    @property
    def engine(self) -> Engine:
        return self._engine

    def run(
        self,
        attempt: Attempt,
        image: str,
        command: tuple[str, ...],
        mounts: tuple[Mount, ...],
        *,
        name: str,
        env: Mapping[str, str] | None = None,
        working_dir: str | None = None,
    ) -> int:
        """The exit code. Raises `BuildFailed` when a limit was met, `TimeoutError`,
        `InterruptedError`, and what the engine raises."""
        limits = self._settings.limits
        uid, gid = build_user()
        spec = ContainerSpec(
            name=f"build-{attempt.build_id}-{name}",
            image=image,
            command=command,
            env={**self._environment(), **(env or {})},
            working_dir=working_dir,
            user=f"{uid}:{gid}",
            mounts=(*mounts, *self._certificates()),
            tmpfs=(Tmpfs(TMP, limits.scratch), Tmpfs(HOME, limits.scratch)),
            network=NETWORKS[attempt.egress.preset],
            egress=index_destinations(self._settings),
            limits=Limits(cpus=limits.cpus, memory=limits.memory, pids=limits.pids),
            labels=attempt.labels,
            low_priority=True,
        )
        disk = DiskGuard(self._data, self._settings.disk_reserve)
        attempt.check()
        try:
            ended = self._engine.run(
                spec,
                attempt.hear,
                timeout=attempt.remaining,
                cancelled=stop_when(attempt.stop_asked, disk),
            )
        except InterruptedError:
            disk.raise_if_full()
            raise
        if ended.out_of_memory or ended.code == KILLED:
            raise BuildFailed.of(Cause.BUILD_OUT_OF_MEMORY, limit=in_words(limits.memory))
        if ended.error:
            raise BuildFailed.of(Cause.BUILD_FAILED, problem=ended.error)
        return ended.code

    def _environment(self) -> dict[str, str]:
        env = {
            "HOME": HOME,
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "UV_LINK_MODE": "hardlink",
            "UV_NO_PROGRESS": "1",
            "UV_PYTHON_DOWNLOADS": "never",
            "UV_PYTHON_PREFERENCE": "only-system",
        }
        if self._settings.ca_bundle is not None:
            env.update(dict.fromkeys(_CA_VARIABLES, CA_BUNDLE))
        return env

    def _certificates(self) -> tuple[Mount, ...]:
        bundle = self._settings.ca_bundle
        return () if bundle is None else (Mount(bundle.resolve(), CA_BUNDLE),)


class DiskGuard:
    """Notices that a build is about to fill the disk (BLD-09)."""

    def __init__(self, folder: Path, reserve: int) -> None:
        self._folder = folder
        self._reserve = reserve
        self._next = 0.0
        self.full = False

    def __call__(self) -> bool:
        now = time.monotonic()
        if now >= self._next and not self.full:
            self._next = now + DISK_EVERY
            usage = shutil.disk_usage(self._folder)
            self.full = usage.free < min(self._reserve, usage.total // 10)
        return self.full

    def raise_if_full(self) -> None:
        if self.full:
            raise BuildFailed.of(Cause.DISK_FULL)


def stop_when(stop_asked: Callable[[], bool], disk: DiskGuard) -> Cancelled:
    return lambda: stop_asked() or disk()


def in_words(size: int) -> str:
    """8589934592 → `8 GiB`."""
    for unit, name in ((1024**3, "GiB"), (1024**2, "MiB")):
        if size >= unit:
            return f"{size / unit:g} {name}" if size % unit == 0 else f"{size / unit:.1f} {name}"
    return f"{size} bytes"
