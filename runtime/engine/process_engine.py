"""`Engine` by local processes: each container is a keeper with a sandboxed command below it.

Nothing is held in memory that another process could not read from the data folder, so containers
outlive Spaceport and are found again. Images are folders; Dockerfiles need Docker.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from ipaddress import IPv4Address
from pathlib import Path

from config.engine import EngineSettings
from runtime.engine.cgroups import remove_parent
from runtime.engine.docker_spec import same_labels
from runtime.engine.live_output import Pump, follow
from runtime.engine.netns import listening_of
from runtime.engine.process_cgroup import Group
from runtime.engine.process_control import end, end_lost, held, hold
from runtime.engine.process_create import Creation
from runtime.engine.process_dial import dial
from runtime.engine.process_keeper import descendants
from runtime.engine.process_log import follow as follow_log
from runtime.engine.process_network import ProcessNetwork
from runtime.engine.process_probe import probe, tools
from runtime.engine.process_start import reap
from runtime.engine.process_store import ProcessStore
from runtime.engine.process_watch import watch
from runtime.engine.reclaim import NO_SWAP, possible, reclaim
from runtime.engine.usage import bytes_below, usage_of, usage_of_processes
from spaceport.egress import Destination
from spaceport.engine import (
    LABEL_EGRESS,
    LABEL_INSTANCE,
    Cancelled,
    ContainerSpec,
    ContainerState,
    EngineInfo,
    EngineRefused,
    Exit,
    Handle,
    ImageBuild,
    Listening,
    LogLine,
    NoSuchContainer,
    Observed,
    Output,
    Refused,
    Usage,
)

_LOST = Exit(137, error="its keeper was killed")


UNTOLD_LOOKS = 100
"""How often a follower looks for a container that has not said that it runs."""


class ProcessEngine:
    """`data_dir` is Spaceport's data folder; everything lies below `process` in it."""

    name = "process"

    def __init__(self, settings: EngineSettings, data_dir: Path, instance: str) -> None:
        self._instance = instance
        self._store = ProcessStore(data_dir / "process")
        self._network = ProcessNetwork(settings, instance, self._with_a_list)
        self._creation = Creation(settings, self._store, self._network, instance)
        self._closed = threading.Event()

    def probe(self) -> EngineInfo:
        return probe()

    def _with_a_list(self) -> dict[IPv4Address, list[Destination]]:
        """What each container with an allow-list may reach, by its address."""
        return {
            IPv4Address(state.address): [
                Destination.parse(one) for one in state.labels[LABEL_EGRESS].split()
            ]
            for state in self._store.states().values()
            if LABEL_EGRESS in state.labels
        }

    def refused(self, handle: Handle) -> Sequence[Refused]:
        state = self._store.state(handle)
        age = time.time() - (self._store.folder(handle) / "state.json").stat().st_mtime
        return self._network.refused(state.address, age)

    def guard(self) -> None:
        self._network.guard()

    def start(self, spec: ContainerSpec) -> Handle:
        with self._store.locked():
            for handle, state in self._store.states().items():
                if state.name == spec.name:
                    self.remove(handle)
            return self._creation.start(spec)

    def run(
        self,
        spec: ContainerSpec,
        output: Output,
        *,
        timeout: float,
        cancelled: Cancelled = lambda: False,
    ) -> Exit:
        handle = self.start(spec)
        left = threading.Event()
        try:
            lines = (line.text for line in self._follow(handle, None, left))
            pump = Pump(lines, left.set)
            try:
                follow(pump, output, timeout, cancelled)
            finally:
                pump.close()
            return self.wait(handle)
        finally:
            self.remove(handle)

    def stop(self, handle: Handle, grace: float) -> None:
        with contextlib.suppress(NoSuchContainer):
            end(self._store, handle, self._group(handle), grace)
            reap()

    def remove(self, handle: Handle) -> None:
        with contextlib.suppress(NoSuchContainer):
            group = self._group(handle)
            end(self._store, handle, group, 0)
            if group is not None:
                group.kill()
                group.remove()
        self._store.forget(handle)
        reap()

    def _group(self, handle: Handle) -> Group | None:
        """Raises `NoSuchContainer`."""
        name = self._store.state(handle).group
        return Group(name) if name else None

    def freeze(self, handle: Handle) -> None:
        self._hold(handle, True)

    def thaw(self, handle: Handle) -> None:
        self._hold(handle, False)

    def reclaim(self, handle: Handle) -> None:
        seen = self._running(handle)
        if seen.state is not ContainerState.FROZEN:
            return
        if seen.pid is None or self._group(handle) is None or not possible():
            raise EngineRefused(NO_SWAP)
        try:
            reclaim(seen.pid)
        except (OSError, KeyError) as error:
            self._running(handle)  # says so if it has ended meanwhile
            raise EngineRefused(f"Its memory could not be pushed out to swap: {error}") from error

    def _hold(self, handle: Handle, frozen: bool) -> None:
        self._running(handle)
        try:
            hold(self._store, handle, self._group(handle), frozen)
        except OSError as error:
            self._running(handle)  # says so if it has ended meanwhile
            raise EngineRefused(f"The kernel's freezer would not: {error.strerror}") from error

    def list(self, labels: Mapping[str, str]) -> Sequence[Observed]:
        found = []
        for handle in self._store.handles():
            with contextlib.suppress(NoSuchContainer):
                seen = self.inspect(handle)
                if same_labels(seen.labels, labels):
                    found.append(seen)
        return found

    def inspect(self, handle: Handle) -> Observed:
        reap()
        state = self._store.state(handle)
        labels = {**state.labels, LABEL_INSTANCE: self._instance}
        running = self._store.running(handle)
        ended = self._store.ended(handle)
        if ended is None and running is not None and not running.alive():
            ended = self._store.ended(handle)  # it may have been written just now
            if ended is None:
                end_lost(running, self._group(handle))
                ended = _LOST
        if ended is not None:
            return Observed(handle, ContainerState.EXITED, labels, ended)
        if running is None:
            return Observed(handle, ContainerState.CREATED, labels)
        frozen = held(running, Group(state.group) if state.group else None)
        kind = ContainerState.FROZEN if frozen else ContainerState.RUNNING
        return Observed(handle, kind, labels, pid=running.pid)

    def _running(self, handle: Handle) -> Observed:
        seen = self.inspect(handle)
        if seen.state not in (ContainerState.RUNNING, ContainerState.FROZEN):
            raise NoSuchContainer(f"The container {handle[:12]} does not run.")
        return seen

    def usage(self, handle: Handle) -> Usage:
        running = self._store.running(handle)
        if running is None or not running.alive():
            raise NoSuchContainer(f"The container {handle[:12]} does not run.")
        if not self._store.state(handle).group:
            return usage_of_processes(descendants(running.keeper))
        try:
            return usage_of(running.pid)
        except (OSError, KeyError) as error:
            raise NoSuchContainer(f"The container {handle[:12]} has ended.") from error

    def written(self) -> Mapping[Handle, int]:
        """Only where there is no sandbox: in one, a container writes to memory and mounts alone."""
        if tools().bwrap:
            return {}
        return {one.handle: bytes_below(self._store.folder(one.handle)) for one in self.list({})}

    def wait(self, handle: Handle) -> Exit:
        while True:
            seen = self.inspect(handle)
            if seen.exit is not None:
                return seen.exit
            self._await_keeper(handle)

    def _await_keeper(self, handle: Handle) -> None:
        running = self._store.running(handle)
        try:
            pidfd = os.pidfd_open(running.keeper if running is not None else 0)
        except (OSError, ValueError):
            time.sleep(0.02)
            return
        try:
            poller = select.poll()
            poller.register(pidfd, select.POLLIN)
            poller.poll(1000)
        finally:
            os.close(pidfd)

    def logs(self, handle: Handle, since: str | None = None) -> Iterator[LogLine]:
        self._store.state(handle)
        return self._follow(handle, since, self._closed)

    def _follow(
        self, handle: Handle, since: str | None, left: threading.Event
    ) -> Iterator[LogLine]:
        folder = self._store.folder(handle)
        looks_left = UNTOLD_LOOKS

        def ended() -> bool:
            nonlocal looks_left
            if left.is_set() or not folder.exists():
                return True
            running = self._store.running(handle)
            if running is not None:
                return not running.alive()
            # Its keeper has not said yet that it runs; one that never says so has died.
            looks_left -= 1
            return looks_left < 0 or self._store.ended(handle) is not None

        return follow_log(folder, since, ended)

    def connect(self, handle: Handle, port: int, timeout: float) -> socket.socket:
        state = self._store.state(handle)
        return dial(self._store.folder(handle), handle, state.address, port, timeout)

    def listening(self, handle: Handle) -> Sequence[Listening]:
        running = self._store.running(handle)
        if running is None or not running.alive():
            return []
        return listening_of(running.pid)

    def build_image(
        self,
        build: ImageBuild,
        output: Output,
        *,
        timeout: float,
        cancelled: Cancelled = lambda: False,
    ) -> str:
        raise EngineRefused(
            "Dockerfiles cannot be built here: this installation runs Spaces as local processes.",
            hint="Install Docker Engine and set engine.kind to 'docker' or 'auto'.",
        )

    def has_image(self, reference: str) -> bool:
        return self._store.has_image(reference)

    def pull(self, reference: str) -> bool:
        return False

    def import_tree(self, tree: Path, reference: str, env: Mapping[str, str]) -> None:
        self._store.add_image(tree, reference, env)

    def remove_image(self, reference: str) -> None:
        self._store.remove_image(reference)

    def watch(self, changed: Callable[[Handle], None], stopped: Callable[[], bool]) -> None:
        watch(self._store, self.list, changed, stopped)

    def close(self, *, remove: bool = False) -> None:
        """With `remove`, also end every container and remove networks, rules and groups."""
        if remove:
            for handle in self._store.handles():
                self.remove(handle)
            self._network.remove()
            remove_parent(f"spaceport-{self._instance}")
        self._closed.set()
