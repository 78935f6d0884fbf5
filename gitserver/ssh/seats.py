"""Counting who is inside: so many in all, so many of each (SSH-08)."""

from __future__ import annotations

import ipaddress
import threading
from collections import Counter


class Seats:
    """Safe to use from any thread."""

    def __init__(self, most: int, most_each: int) -> None:
        self._most = most
        self._most_each = most_each
        self._taken: Counter[str] = Counter()
        self._lock = threading.Lock()

    def take(self, who: str) -> bool:
        """Take a seat; False when all are taken, or all that `who` may have."""
        with self._lock:
            if self._taken.total() >= self._most or self._taken[who] >= self._most_each:
                return False
            self._taken[who] += 1
            return True

    def leave(self, who: str) -> None:
        """Give a seat back that was taken."""
        with self._lock:
            self._taken[who] -= 1
            if self._taken[who] <= 0:
                del self._taken[who]

    def __len__(self) -> int:
        with self._lock:
            return self._taken.total()


def network_of(address: str) -> str:
    """What counts as one address: itself, or the /64 of an IPv6 address (RL-03)."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((found, 64), strict=False))
    return str(found)
