"""`Engine` by Docker Engine 20.10 or newer, through its API."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from config.engine import EngineSettings
from runtime.engine.cgroups import prepare_parent, remove_parent
from runtime.engine.docker_build import DockerBuilds
from runtime.engine.docker_connect import DockerDoors
from runtime.engine.docker_connection import Connection
from runtime.engine.docker_containers import DockerContainers
from runtime.engine.docker_images import DockerImages
from runtime.engine.docker_networks import Networks, guarded
from runtime.engine.docker_probe import probe
from runtime.engine.docker_spec import Surroundings, sizes_roots
from runtime.engine.docker_state import address_of, age_of, with_last_line
from runtime.engine.docker_stream import frames, lines
from runtime.engine.docker_watch import watch
from runtime.engine.live_output import LastLines, Pump, follow
from spaceport.engine import (
    Cancelled,
    ContainerSpec,
    EngineInfo,
    Exit,
    Handle,
    ImageBuild,
    Listening,
    LogLine,
    Observed,
    Output,
    Refused,
    Usage,
)
from spaceport.errors import SpaceportError


class DockerEngine:
    """Holds no state but caches: throw it away and make it anew at any time.

    `instance` tells this installation's containers from others of the same engine; it becomes part
    of names (letters, digits, `_.-`). Nothing is asked of the engine before the first call.
    """

    name = "docker"

    def __init__(self, settings: EngineSettings, instance: str) -> None:
        self._settings = settings
        self._instance = instance
        self._connection = Connection(settings.docker_host)
        self._networks = Networks(instance, settings)
        self._containers = DockerContainers(
            self._connection, self._networks, instance, self._surroundings
        )
        self._images = DockerImages(self._connection, instance)
        self._doors = DockerDoors(self._connection, self._containers)
        self._builds = DockerBuilds(self._connection, self._networks, settings, instance)
        self._parent: str | None = None

    def _surroundings(self) -> Surroundings:
        if self._parent is None:
            self._parent = self._make_parent()
        return Surroundings(
            instance=self._instance,
            cgroup_parent=self._parent,
            dns=self._settings.dns,
            nofile=self._settings.nofile,
            log_size=self._settings.log_size,
            sizes_roots=sizes_roots(self._connection.info()),
        )

    def _make_parent(self) -> str:
        """A control group of our own, where the engine lets us name one and it is on this host."""
        info = self._connection.info()
        if info.get("CgroupDriver") != "cgroupfs" or not self._connection.local:
            return ""
        return prepare_parent(f"spaceport-{self._instance}", self._settings.cpu_shares)

    def probe(self) -> EngineInfo:
        return probe(
            self._connection,
            can_build=self._builds.available(),
            guarded=guarded(self._connection, self._settings),
        )

    def start(self, spec: ContainerSpec) -> Handle:
        handle = self._containers.create(spec)
        self._containers.start(handle)
        return handle

    def run(
        self,
        spec: ContainerSpec,
        output: Output,
        *,
        timeout: float,
        cancelled: Cancelled = lambda: False,
    ) -> Exit:
        handle = self._containers.create(spec, keep_log=False)
        remembered = LastLines(output)
        try:
            stream = self._containers.attach(handle)
            pump = Pump(lines(frames(stream)), stream.close)
            try:
                self._containers.start(handle)
                follow(pump, remembered, timeout, cancelled)
            finally:
                pump.close()
            ended = with_last_line(self._containers.wait(handle), remembered.last)
        except BaseException:
            # The first error is the one to tell; what is left is removed with its name's next use.
            with contextlib.suppress(SpaceportError):
                self.remove(handle)
            raise
        self.remove(handle)
        return ended

    def stop(self, handle: Handle, grace: float) -> None:
        self._containers.stop(handle, grace)
        self._doors.forget(handle)

    def remove(self, handle: Handle) -> None:
        self._doors.forget(handle)
        self._containers.remove(handle)

    def freeze(self, handle: Handle) -> None:
        self._containers.freeze(handle, True)

    def thaw(self, handle: Handle) -> None:
        self._containers.freeze(handle, False)

    def reclaim(self, handle: Handle) -> None:
        self._doors.reclaim(handle)

    def list(self, labels: Mapping[str, str]) -> Sequence[Observed]:
        return self._containers.list(labels)

    def inspect(self, handle: Handle) -> Observed:
        return self._containers.inspect(handle)

    def usage(self, handle: Handle) -> Usage:
        return self._doors.usage(handle)

    def written(self) -> Mapping[Handle, int]:
        return self._containers.written()

    def wait(self, handle: Handle) -> Exit:
        return self._containers.wait(handle)

    def logs(self, handle: Handle, since: str | None = None) -> Iterator[LogLine]:
        return self._containers.logs(handle, since)

    def connect(self, handle: Handle, port: int, timeout: float) -> socket.socket:
        return self._doors.connect(handle, port, timeout)

    def listening(self, handle: Handle) -> Sequence[Listening]:
        return self._doors.listening(handle)

    def refused(self, handle: Handle) -> Sequence[Refused]:
        raw = self._containers.raw(handle)
        with self._connection.calls():
            return self._networks.refused(self._connection, address_of(raw), age_of(raw))

    def guard(self) -> None:
        with self._connection.calls():
            self._networks.guard(self._connection, names=True)

    def build_image(
        self,
        build: ImageBuild,
        output: Output,
        *,
        timeout: float,
        cancelled: Cancelled = lambda: False,
    ) -> str:
        return self._builds.build(build, output, timeout=timeout, cancelled=cancelled)

    def has_image(self, reference: str) -> bool:
        return self._images.has(reference)

    def pull(self, reference: str) -> bool:
        return self._images.pull(reference)

    def import_tree(self, tree: Path, reference: str, env: Mapping[str, str]) -> None:
        self._images.import_tree(tree, reference, env)

    def remove_image(self, reference: str) -> None:
        self._images.remove(reference)

    def tag_image(self, reference: str, alias: str) -> None:
        """Give an image a second name, for example `python:3.11-slim` where no registry is."""
        self._images.tag(reference, alias)

    def watch(self, changed: Callable[[Handle], None], stopped: Callable[[], bool]) -> None:
        watch(self._connection, self._containers, self._instance, changed, stopped)

    def close(self, *, remove: bool = False) -> None:
        """With `remove`, also remove every container, network and control group of the instance."""
        if remove:
            for found in self.list({}):
                self.remove(found.handle)
            with self._connection.calls():
                self._networks.remove(self._connection)
            remove_parent(f"spaceport-{self._instance}")
        self._containers.close()
        self._doors.close()
        self._connection.close()
