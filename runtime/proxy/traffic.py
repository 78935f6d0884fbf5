"""Who is using a Space now, and when it was last used (8.3.5)."""

from __future__ import annotations

import math

from runtime.proxy.latency import Latency
from spaceport.names import SpaceKey


class Traffic:
    """One Space's use. `last_used` is Unix time, coarse to one sweep; 0.0 is never."""

    __slots__ = (
        "held",
        "last_used",
        "latency",
        "missed",
        "requests",
        "timed",
        "total",
        "websockets",
    )

    def __init__(self) -> None:
        self.requests = 0  # being answered now, event streams and downloads included
        self.websockets = 0
        self.total = 0  # requests that were sent to an app
        self.held = 0  # programs waiting for a start
        self.last_used = 0.0
        self.missed = -math.inf  # the proxy's time when somebody came and there was no app
        self.latency = Latency()  # of some of its requests
        self.timed = 0.0  # the proxy's time when one was last timed

    @property
    def open(self) -> int:
        return self.requests + self.websockets


class TrafficTable:
    """`SpaceKey` → `Traffic`; a Space that is not routed any more is forgotten."""

    def __init__(self) -> None:
        self._by_key: dict[SpaceKey, Traffic] = {}

    def of(self, key: SpaceKey) -> Traffic:
        traffic = self._by_key.get(key)
        if traffic is None:
            traffic = self._by_key[key] = Traffic()
        return traffic

    def peek(self, key: SpaceKey) -> Traffic | None:
        return self._by_key.get(key)

    def forget_all_but(self, keys: set[SpaceKey]) -> None:
        gone = [key for key, use in self._by_key.items() if key not in keys and not use.open]
        for key in gone:
            del self._by_key[key]
