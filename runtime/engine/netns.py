"""Sockets inside another network namespace, and what listens there.

A socket belongs for ever to the namespace that its thread was in when it was made. So a thread of
its own enters the namespace, makes the socket and ends; it never has to come back, and whoever
connects the socket afterwards stays where they are (0.08 ms; contracts/engine.md 3).
"""

from __future__ import annotations

import ctypes
import os
import socket
import struct
import threading
from collections.abc import Iterable
from functools import cache
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

from spaceport.engine import Listening

CLONE_NEWNET = 0x40000000
_LISTEN = "0A"
_libc = ctypes.CDLL(None, use_errno=True)


def enter(namespace: int) -> None:
    """Move the calling thread, for good, into the namespace of the open file `namespace`."""
    if _libc.setns(namespace, CLONE_NEWNET) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def socket_in(namespace: int, family: int = socket.AF_INET) -> socket.socket:
    """A TCP socket of that namespace, not yet connected. Raises `OSError` (EPERM without root)."""
    made: list[socket.socket] = []
    failed: list[OSError] = []

    def make() -> None:
        try:
            enter(namespace)
            made.append(socket.socket(family, socket.SOCK_STREAM))
        except OSError as error:
            failed.append(error)

    thread = threading.Thread(target=make, name="netns", daemon=True)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return made[0]


@cache
def may_enter() -> bool:
    """Whether this process may enter network namespaces (CAP_SYS_ADMIN); tried once."""
    try:
        own = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        socket_in(own).close()
    except OSError:
        return False
    finally:
        os.close(own)
    return True


def parse_listening(lines: Iterable[str]) -> list[Listening]:
    """What listens, from the lines of /proc/net/tcp or /proc/net/tcp6 (proc(5))."""
    found = []
    for line in lines:
        fields = line.split()
        if len(fields) > 3 and fields[3] == _LISTEN:
            address, _, port = fields[1].partition(":")
            found.append(Listening(_address(address), int(port, 16)))
    return found


def _address(digits: str) -> str:
    """The kernel prints each 32-bit word in the machine's own byte order."""
    words = [int(digits[at : at + 8], 16) for at in range(0, len(digits), 8)]
    raw = b"".join(struct.pack("=I", word) for word in words)
    return str(IPv4Address(raw) if len(raw) == 4 else IPv6Address(raw))


def listening_of(pid: int) -> list[Listening]:
    """What listens in the network namespace of `pid`; empty when that cannot be read."""
    found: list[Listening] = []
    for name in ("tcp", "tcp6"):
        try:
            lines = Path(f"/proc/{pid}/net/{name}").read_text().splitlines()
        except OSError:
            continue
        found += parse_listening(lines[1:])
    return found
