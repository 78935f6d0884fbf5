"""From the destinations of an allow-list to addresses and ports; names are looked up by us."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from ipaddress import IPv4Address, IPv4Network

from spaceport.egress import Destination

Allowed = tuple[IPv4Network, int]
Resolve = Callable[[str], Sequence[IPv4Address]]

PATIENCE = 3.0  # seconds for all names together
KEEP = 900.0  # seconds for which an address of a name is good after it was seen last


def look_up(name: str) -> Sequence[IPv4Address]:
    """Raises `OSError` for a name without an address."""
    found = socket.getaddrinfo(name, None, socket.AF_INET, socket.SOCK_STREAM)
    return [IPv4Address(str(each[4][0])) for each in found]


class Names:
    """Remembers what names led to: one that changes its address goes on to work for a while."""

    def __init__(self, resolve: Resolve = look_up) -> None:
        self._resolve = resolve
        self._seen: dict[str, dict[IPv4Address, float]] = {}
        self._threads = ThreadPoolExecutor(4, "names")

    def refresh(self, names: Iterable[str]) -> None:
        """Look all of them up; what does not answer in time keeps what it had."""
        tasks = {self._threads.submit(self._resolve, name): name for name in set(names)}
        done, _ = wait(tasks, PATIENCE)
        now = time.monotonic()
        for task in done:
            if task.exception() is None:
                seen = self._seen.setdefault(tasks[task], {})
                seen.update(dict.fromkeys(task.result(), now + KEEP))
        for seen in self._seen.values():
            for address in [each for each, until in seen.items() if until < now]:
                del seen[address]

    def addresses(self, name: str) -> Sequence[IPv4Address]:
        if name not in self._seen:
            self.refresh([name])
        return sorted(self._seen.get(name, {}))


def allowed(
    destinations: Iterable[Destination], names: Names, ports: Sequence[int]
) -> tuple[Allowed, ...]:
    """Networks and ports; a port that nobody may reach is not opened by a list either."""
    found: list[Allowed] = []
    for one in destinations:
        network = one.network
        networks = (
            [IPv4Network(address) for address in names.addresses(one.host)]
            if network is None
            else [network]
        )
        wanted = ports if one.port is None else [port for port in ports if port == one.port]
        found += [(each, port) for each in networks for port in wanted]
    return tuple(dict.fromkeys(found))
