"""Create, start, stop, remove and look at containers that carry our label."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

import docker.errors

from runtime.engine.docker_connection import PLAIN_CALL, Connection
from runtime.engine.docker_networks import Networks
from runtime.engine.docker_spec import (
    Surroundings,
    container_name,
    create_arguments,
    label_filters,
    same_labels,
)
from runtime.engine.docker_state import NOT_RUN, observed, with_last_line
from runtime.engine.docker_stream import Stream, frames, stamped_lines
from runtime.engine.text_lines import later
from spaceport.engine import (
    LABEL_INSTANCE,
    ContainerSpec,
    ContainerState,
    EngineRefused,
    Exit,
    Handle,
    LogLine,
    Network,
    NoSuchContainer,
    Observed,
)

_GONE_WITHIN = 20.0


class DockerContainers:
    """Adds to the API only what makes its calls repeatable."""

    def __init__(
        self,
        connection: Connection,
        networks: Networks,
        instance: str,
        around: Callable[[], Surroundings],
    ) -> None:
        self._connection = connection
        self._networks = networks
        self._instance = instance
        self._around = around
        self._streams: set[Stream] = set()

    def create(self, spec: ContainerSpec, *, keep_log: bool = True) -> Handle:
        """Raises `EngineRefused`. A container of ours of the same name is removed first."""
        with self._connection.calls():
            self._networks.ensure(self._connection, spec.network)
            if spec.network is Network.CHOSEN:
                spec = self._networks.choose(self._connection, spec)
            try:
                return self._create(spec, keep_log)
            except docker.errors.APIError as error:
                if error.status_code == 409 and self._remove_namesake(spec.name):
                    return self._create(spec, keep_log)
                raise

    def _create(self, spec: ContainerSpec, keep_log: bool) -> Handle:
        around = replace(self._around(), networks=self._networks.names(), keep_log=keep_log)
        client = self._connection.client
        name = container_name(self._instance, spec.name)
        body = create_arguments(spec, around)
        made = client.create_container_from_config(body, name)
        return str(made["Id"])

    def _remove_namesake(self, name: str) -> bool:
        try:
            found = self._connection.client.inspect_container(container_name(self._instance, name))
        except docker.errors.NotFound:
            return True
        if found["Config"]["Labels"].get(LABEL_INSTANCE) != self._instance:
            return False
        self.remove(found["Id"])
        return True

    def start(self, handle: Handle) -> None:
        """Raises `EngineRefused`; then the container is removed."""
        try:
            with self._connection.calls(handle):
                self._connection.client.start(handle)
        except EngineRefused as error:
            if "network" in str(error):
                self._networks.forget()
            with contextlib.suppress(EngineRefused):
                self.remove(handle)
            raise

    def stop(self, handle: Handle, grace: float) -> None:
        seconds = math.ceil(grace)
        with (
            contextlib.suppress(NoSuchContainer),
            self._connection.calls(self._ours(handle)),
        ):
            self._connection.call(
                "POST",
                f"/containers/{handle}/stop",
                params={"t": seconds},
                timeout=seconds + PLAIN_CALL,
            )

    def remove(self, handle: Handle) -> None:
        """With its anonymous volumes, and also when another call removes it at this moment."""
        with contextlib.suppress(NoSuchContainer), self._connection.calls(self._ours(handle)):
            try:
                self._connection.client.remove_container(handle, v=True, force=True)
            except docker.errors.APIError as error:
                if error.status_code != 409:
                    raise
                self._await_gone(handle)

    def _await_gone(self, handle: Handle) -> None:
        deadline = time.monotonic() + _GONE_WITHIN
        while time.monotonic() < deadline:
            self._connection.client.inspect_container(handle)
            time.sleep(0.05)

    def freeze(self, handle: Handle, frozen: bool) -> None:
        """Freezing what is frozen already, and the other way round, is fine."""
        with self._connection.calls(self._ours(handle)):
            client = self._connection.client
            try:
                (client.pause if frozen else client.unpause)(handle)
            except docker.errors.APIError as error:
                if f"is {'already' if frozen else 'not'} paused" not in str(error.explanation):
                    raise

    def _ours(self, handle: Handle) -> Handle:
        """Raises `NoSuchContainer` for a container that is not ours."""
        self.raw(handle)
        return handle

    def list(self, labels: Mapping[str, str]) -> Sequence[Observed]:
        """How a container ended is asked for one by one, and only for those that have."""
        with self._connection.calls():
            rows = self._connection.client.containers(
                all=True, filters={"label": list(label_filters(self._instance, labels))}
            )
        found = []
        for row in rows:
            with contextlib.suppress(NoSuchContainer):
                found.append(self._observed(row))
        return found

    def _observed(self, row: Mapping[str, object]) -> Observed:
        handle = str(row["Id"])
        if row["State"] in ("running", "paused", "created"):
            labels = row["Labels"]
            state = {"running": ContainerState.RUNNING, "paused": ContainerState.FROZEN}.get(
                str(row["State"]), ContainerState.CREATED
            )
            return Observed(handle, state, dict(labels) if isinstance(labels, Mapping) else {})
        return self.inspect(handle)

    def inspect(self, handle: Handle) -> Observed:
        seen = observed(self.raw(handle))
        if seen.exit is not None and seen.exit.code in NOT_RUN:
            return replace(seen, exit=with_last_line(seen.exit, self._last_line(handle)))
        return seen

    def raw(self, handle: Handle) -> Mapping[str, object]:
        """Docker's own words. Raises `NoSuchContainer` also for what is not ours."""
        with self._connection.calls(handle):
            found: Mapping[str, object] = self._connection.client.inspect_container(handle)
        labels = found["Config"]["Labels"]  # type: ignore[index]
        if not same_labels(labels, {LABEL_INSTANCE: self._instance}):
            raise NoSuchContainer(f"The container {handle[:12]} is not ours.")
        return found

    def _last_line(self, handle: Handle) -> str:
        """Empty where the log is not kept: then whoever read the output knows it."""
        params = {"stdout": 1, "stderr": 1, "timestamps": 1, "tail": 1}
        try:
            return next((line.text for line in self._logs(handle, params)), "")
        except EngineRefused:
            return ""

    def wait(self, handle: Handle) -> Exit:
        with self._connection.calls(self._ours(handle)):
            self._connection.call("POST", f"/containers/{handle}/wait", timeout=None)
        ended = self.inspect(handle).exit
        return ended if ended is not None else self.wait(handle)

    def logs(self, handle: Handle, since: str | None) -> Iterator[LogLine]:
        params: dict[str, object] = {"stdout": 1, "stderr": 1, "timestamps": 1, "follow": 1}
        if since is not None:
            params["since"] = unix_time(since)
        self._ours(handle)
        return (line for line in self._logs(handle, params) if later(line.stamp, since))

    def _logs(self, handle: Handle, params: Mapping[str, object]) -> Iterator[LogLine]:
        with self._connection.calls(handle):
            stream = self._connection.stream("GET", f"/containers/{handle}/logs", params=params)
        self._streams.add(stream)
        try:
            with self._connection.calls(handle):
                yield from stamped_lines(frames(stream))
        finally:
            self._streams.discard(stream)
            stream.close()

    def attach(self, handle: Handle) -> Stream:
        """The output from now on, not through the engine's log."""
        with self._connection.calls(handle):
            return self._connection.stream(
                "POST",
                f"/containers/{handle}/attach",
                params={"stream": 1, "stdout": 1, "stderr": 1},
            )

    def close(self) -> None:
        """End all streams, also those that other threads wait for."""
        for stream in tuple(self._streams):
            stream.close()


def unix_time(stamp: str) -> str:
    """RFC 3339 in UTC as Docker's `since`: seconds and nanoseconds, nothing rounded."""
    whole, _, fraction = stamp.rstrip("Z").partition(".")
    seconds = int(datetime.fromisoformat(whole + "+00:00").timestamp())
    return f"{seconds}.{fraction.ljust(9, '0')}"
