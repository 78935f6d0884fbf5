"""A server without patience, and how tests see that it has let go of everything."""

from __future__ import annotations

import contextlib
import socket

from tests.gitserver.ssh.serving import SshPlace
from tests.waiting import eventually

FAST = {
    "identification": 0.4,
    "key_exchange": 0.8,
    "login": 1.2,
    "stall": 1.0,
    "ask": 0.2,
    "lost": 1.0,
    "idle": 1.0,
    "recheck": 0.2,
    "pending": 6,
    "pending_per_address": 3,
    "connections": 6,
    "connections_per_account": 4,
    "sessions": 5,
    "sessions_per_account": 3,
    "window": 256 * 1024,
}


def connect(place: SshPlace, address: str = "127.0.0.1") -> socket.socket:
    return socket.create_connection(
        ("127.0.0.1", place.port), timeout=20, source_address=(address, 0)
    )


def ended(sock: socket.socket) -> bool:
    """Read until the server ends it; a reset is an end too."""
    with contextlib.suppress(ConnectionError):
        while sock.recv(65536):
            pass
    sock.close()
    return True


def alone(place: SshPlace) -> bool:
    """Wait until no connection is left, with all that it took."""
    house = place.server._house
    return eventually(
        lambda: (
            not place.server.connections
            and len(house.pending) == len(house.connections) == len(house.sessions) == 0
        )
    )
