"""Sockets into Docker's containers, through their own network namespace where we may enter it."""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from typing import Any

from runtime.engine.docker_connection import Connection
from runtime.engine.docker_containers import DockerContainers
from runtime.engine.docker_state import address_of, observed, usage_told
from runtime.engine.doors import Door, Doors, belongs_to, open_door
from runtime.engine.netns import listening_of, may_enter
from runtime.engine.reclaim import NO_SWAP, possible, reclaim
from runtime.engine.usage import usage_of
from spaceport.engine import (
    ContainerState,
    EngineRefused,
    Handle,
    Listening,
    NoSuchContainer,
    Usage,
)

_RESOLVER = "127.0.0.11"
"""Where the engine's own name server listens in every container of our bridges."""
_ALIVE = (ContainerState.RUNNING, ContainerState.FROZEN)


class DockerDoors:
    def __init__(self, connection: Connection, containers: DockerContainers) -> None:
        self._connection = connection
        self._containers = containers
        self._doors = Doors()

    def connect(self, handle: Handle, port: int, timeout: float) -> socket.socket:
        door = self._door(handle)
        if door is None:
            return self._by_address(handle, port, timeout)
        try:
            return self._doors.connect(handle, door, port, timeout)
        except OSError:
            self._doors.get(handle)  # says so if the container has ended
            raise

    def listening(self, handle: Handle) -> Sequence[Listening]:
        try:
            found = self._all_listening(handle)
        except NoSuchContainer:
            return []
        return [one for one in found if one.address != _RESOLVER]

    def _all_listening(self, handle: Handle) -> Sequence[Listening]:
        door = self._door(handle)
        if door is not None:
            return listening_of(door.pid)
        pid = observed(self._alive(handle)).pid
        if pid is None or not self._connection.local or not belongs_to(pid, handle):
            return []
        return listening_of(pid)

    def usage(self, handle: Handle) -> Usage:
        """By the kernel's files where the container is on this machine, else asked of the engine.

        Raises `NoSuchContainer`.
        """
        pid = observed(self._alive(handle)).pid
        if pid is not None and self._connection.local and belongs_to(pid, handle):
            try:
                return usage_of(pid)
            except (OSError, KeyError):
                self._alive(handle)  # says so if it has ended meanwhile
        with self._connection.calls(handle):
            told = self._connection.client.stats(handle, stream=False, one_shot=True)
        return usage_told(told)

    def reclaim(self, handle: Handle) -> None:
        """See `Engine.reclaim`."""
        seen = observed(self._alive(handle))
        if seen.state is not ContainerState.FROZEN:
            return
        here = seen.pid is not None and self._connection.local and belongs_to(seen.pid, handle)
        if seen.pid is None or not here or not possible():
            raise EngineRefused(NO_SWAP)
        try:
            reclaim(seen.pid)
        except (OSError, KeyError) as error:
            self._alive(handle)  # says so if it has ended meanwhile
            raise EngineRefused(f"Its memory could not be pushed out to swap: {error}") from error

    def _door(self, handle: Handle) -> Door | None:
        """None where namespaces cannot be entered. Raises `NoSuchContainer`."""
        if not (self._connection.local and may_enter()):
            return None
        return self._doors.get(handle) or self._open(handle)

    def _open(self, handle: Handle) -> Door | None:
        before = self._alive(handle)
        pid = observed(before).pid
        if pid is None or not belongs_to(pid, handle):
            return None
        try:
            door = open_door(pid, address_of(before))
        except ProcessLookupError as error:
            raise NoSuchContainer(f"The container {handle[:12]} has ended.") from error
        except OSError:
            return None
        try:
            same = observed(self._alive(handle)).pid == pid
        except BaseException:
            door.close()
            raise
        if not same:
            door.close()
            raise NoSuchContainer(f"The container {handle[:12]} was started anew meanwhile.")
        return self._doors.keep(handle, door)

    def _by_address(self, handle: Handle, port: int, timeout: float) -> socket.socket:
        """The address was this container's if it is so afterwards too: it never runs twice."""
        address = address_of(self._alive(handle))
        made = socket.create_connection((address, port), timeout)
        try:
            if address_of(self._alive(handle)) != address:
                raise NoSuchContainer(f"The container {handle[:12]} has another address now.")
            made.setblocking(False)
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except BaseException:
            made.close()
            raise
        return made

    def _alive(self, handle: Handle) -> Mapping[str, Any]:
        found = self._containers.raw(handle)
        if observed(found).state not in _ALIVE:
            raise NoSuchContainer(f"The container {handle[:12]} does not run.")
        return found

    def forget(self, handle: Handle) -> None:
        self._doors.forget(handle)

    def close(self) -> None:
        self._doors.close()
