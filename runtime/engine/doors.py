"""A way into one running container's network that can never lead into another one (PX-18).

A door holds the container's network namespace and a pidfd of its first process open. Addresses and
process numbers are given out again; these two are not, so a connection made through a door is to
that very container or fails.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import threading
from dataclasses import dataclass
from pathlib import Path

from runtime.engine.netns import socket_in
from spaceport.engine import Handle, NoSuchContainer


@dataclass(frozen=True)
class Door:
    """Owns two open files; `address` is the container's own, as seen from inside."""

    namespace: int
    process: int  # a pidfd
    pid: int
    address: str

    def open(self) -> bool:
        """Whether the container's first process still runs."""
        poller = select.poll()
        poller.register(self.process, select.POLLIN)
        return not poller.poll(0)

    def close(self) -> None:
        os.close(self.namespace)
        os.close(self.process)


def open_door(pid: int, address: str) -> Door:
    """Raises `OSError` when the process has ended or this user may not look into it.

    The caller must make sure afterwards that `pid` still is the container's first process; then it
    was so all the time, because a number is not given out again while its process lives.
    """
    process = os.pidfd_open(pid)
    try:
        namespace = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        os.close(process)
        raise
    return Door(namespace, process, pid, address)


def belongs_to(pid: int, handle: Handle) -> bool:
    """Whether `pid` of this machine is in a control group of that container.

    An engine in another pid namespace (rootless, Docker Desktop, remote) tells numbers that mean
    somebody else here.
    """
    try:
        return handle in Path(f"/proc/{pid}/cgroup").read_text()
    except OSError:
        return False


class Doors:
    """The open doors by handle; safe to use from many threads."""

    def __init__(self) -> None:
        self._doors: dict[Handle, Door] = {}
        self._lock = threading.Lock()

    def get(self, handle: Handle) -> Door | None:
        """Raises `NoSuchContainer`, and forgets the door, when the container has ended."""
        with self._lock:
            door = self._doors.get(handle)
            if door is None or door.open():
                return door
            del self._doors[handle]
        door.close()
        raise NoSuchContainer(f"The container {handle[:12]} has ended.")

    def connect(self, handle: Handle, door: Door, port: int, timeout: float) -> socket.socket:
        """A connected, non-blocking socket. Raises `OSError`, and `NoSuchContainer`.

        The namespace is held by a file of this call's own: another thread may close the door
        meanwhile, and its number may then be that of another container's door.
        """
        with self._lock:
            if self._doors.get(handle) is not door:
                raise NoSuchContainer(f"The container {handle[:12]} has ended.")
            namespace = os.dup(door.namespace)
        try:
            made = socket_in(namespace)
        finally:
            os.close(namespace)
        try:
            made.settimeout(timeout)
            made.connect((door.address, port))
            made.setblocking(False)
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except BaseException:
            made.close()
            raise
        return made

    def keep(self, handle: Handle, door: Door) -> Door:
        """Remember `door`, or close it and return the one that is known already."""
        with self._lock:
            kept = self._doors.setdefault(handle, door)
        if kept is not door:
            door.close()
        return kept

    def forget(self, handle: Handle) -> None:
        with self._lock:
            door = self._doors.pop(handle, None)
        if door is not None:
            door.close()

    def close(self) -> None:
        for handle in tuple(self._doors):
            with contextlib.suppress(OSError):
                self.forget(handle)
