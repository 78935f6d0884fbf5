"""Sockets of a container's network namespace, handed out by its keeper.

The keeper belongs to that very container, so a connection can never reach another one, whatever
addresses were given out again (PX-18); and no rights over namespaces are needed on this side.
"""

from __future__ import annotations

import contextlib
import os
import socket
from pathlib import Path

from spaceport.engine import Handle, NoSuchContainer

DOOR = "dial.sock"


def dial(folder: Path, handle: Handle, address: str, port: int, timeout: float) -> socket.socket:
    """A connected, non-blocking socket. Raises `OSError`, or `NoSuchContainer` after its end."""
    made = _socket_of(folder, handle, timeout)
    try:
        made.settimeout(timeout)
        made.connect((address, port))
        made.setblocking(False)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except BaseException:
        made.close()
        raise
    return made


def _socket_of(folder: Path, handle: Handle, timeout: float) -> socket.socket:
    try:
        opened = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise NoSuchContainer(f"There is no container {handle[:12]} any more.") from error
    with contextlib.closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as door:
        door.settimeout(timeout)
        try:
            # Through the open folder: the path of a UNIX socket may have 107 bytes only.
            door.connect(f"/proc/self/fd/{opened}/{DOOR}")
        except (ConnectionRefusedError, FileNotFoundError) as error:
            raise NoSuchContainer(f"The container {handle[:12]} has ended.") from error
        finally:
            os.close(opened)
        _, descriptors, _, _ = socket.recv_fds(door, 1, 1)
    if not descriptors:
        raise NoSuchContainer(f"The container {handle[:12]} has ended.")
    return socket.socket(fileno=descriptors[0])
