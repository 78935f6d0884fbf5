"""Where a host leads: immutable routes, swapped as one table (spaces-behaviour 8.4 and 13).

The supervisor builds `Route`s from the ledger; the proxy only looks them up. A table is never
changed: `Proxy.routes = RouteTable(...)` puts a new one in place with one assignment, and every
request after that uses it.
"""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from urllib.parse import urlsplit

from spaceport.names import SpaceId, SpaceKey
from spaceport.stage import Stage

Connect = Callable[[], Awaitable[socket.socket]]
"""Return a connected TCP socket to one very replica, never to "whoever has its address now".

Raises `OSError` when nothing listens there, any other error when the replica is gone; both are a
502 to the visitor. The proxy bounds the time and owns the socket from then on.
"""


Thaw = Callable[[], Awaitable[None]]
"""Return when the replica's processes go on. Raises whatever keeps them from it; then the route has
changed already, if there is a better one."""


async def nothing_to_thaw() -> None:
    """For replicas that are never frozen."""


@dataclass(frozen=True)
class Upstream:
    """One ready replica. `replica_id` is never used again: connections are pooled under it.

    `frozen`: every request must await `thaw` before it is sent there.
    """

    replica_id: str
    connect: Connect = field(compare=False, repr=False)
    port: int  # where the app listens inside its container; used to recognise it in `Location`
    frozen: bool = False
    thaw: Thaw = field(default=nothing_to_thaw, compare=False, repr=False)


@dataclass(frozen=True)
class Replicas:
    """The replicas that take requests now; a draining one is simply not here any more."""

    upstreams: tuple[Upstream, ...]


@dataclass(frozen=True)
class Folder:
    """A static Space: a laid-out folder that nobody changes any more; every release has its own.

    `variables` becomes `window.huggingface.variables` in HTML pages (3.5.4): public values only.
    """

    root: Path
    app_file: str = "index.html"
    variables: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Route:
    """All that the proxy knows of one Space. Texts are shown to visitors as they are.

    `target` None: there is no app now, and the page says so with `stage`, `cause` and `hint`.
    `wakes`: a request starts it (`Proxy.on_demand` is called). `expected`: a replica is likely
    within seconds, so programs that can wait are held (`hold.py`).
    """

    label: str
    space_key: SpaceKey
    space_id: SpaceId
    stage: Stage
    target: Replicas | Folder | None
    hub_url: str  # the Space's page on the hub, "https://hub.example/spaces/author/name"
    private: bool = False
    cause: str = ""
    hint: str = ""
    custom_headers: tuple[tuple[str, str], ...] = ()  # of the card: COEP, COOP, CORP
    disable_embedding: bool = False
    retry_after: int = 5  # seconds, told to programs and used by the page's refresh
    wakes: bool = False
    expected: bool = False
    moved_to: str = ""  # the label of the renamed Space: this one is only a redirect (13.1.4)

    @cached_property
    def answer_fields(self) -> bytes:
        """The header lines that every answer of this Space carries (13.4, 13.6)."""
        lines = [f'Link: <{self.hub_url}>;rel="canonical"']
        lines += [f"{name}: {value}" for name, value in self.custom_headers]
        if self.private or self.disable_embedding:
            hub = urlsplit(self.hub_url)
            ancestors = f"frame-ancestors 'self' {hub.scheme}://{hub.netloc}"
            lines.append(f"Content-Security-Policy: {ancestors}")
        good = (line for line in lines if line.isascii() and line.isprintable())
        return "".join(f"{line}\r\n" for line in good).encode()

    @cached_property
    def custom_names(self) -> frozenset[bytes]:
        """The names, lower case, in which the card's headers replace the app's."""
        return frozenset(name.lower().encode() for name, _ in self.custom_headers)


class RouteTable:
    """label → `Route`, for good. Raises `ValueError` when two routes claim one label."""

    __slots__ = ("_by_label",)

    def __init__(self, routes: Iterable[Route] = ()) -> None:
        by_label: dict[str, Route] = {}
        for route in routes:
            if by_label.setdefault(route.label, route) is not route:
                raise ValueError(f"two Spaces claim the label {route.label!r}")
        self._by_label = by_label

    def get(self, label: str) -> Route | None:
        return self._by_label.get(label)

    def with_route(self, route: Route) -> RouteTable:
        """A new table in which `route` replaces whatever had its label."""
        return RouteTable({**self._by_label, route.label: route}.values())

    def without(self, label: str) -> RouteTable:
        return RouteTable(route for route in self if route.label != label)

    def __iter__(self) -> Iterator[Route]:
        return iter(self._by_label.values())

    def __len__(self) -> int:
        return len(self._by_label)

    def upstreams(self) -> dict[str, Upstream]:
        """Every replica that takes requests according to this table, by its id."""
        return {
            upstream.replica_id: upstream
            for route in self
            if isinstance(route.target, Replicas)
            for upstream in route.target.upstreams
        }

    def folder_roots(self) -> set[Path]:
        """Every folder that is served according to this table."""
        return {route.target.root for route in self if isinstance(route.target, Folder)}
