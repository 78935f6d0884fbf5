"""One call of the API as its handler sees it: who asks, for which Space, and how to answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar

from aiohttp import web

from config.hub import ApiLimits
from hub.api.body import Body, read_json, validate
from hub.api.errors import REQUEST_ID
from hub.context import HubContext
from hub.origins import Origins
from spaceport.actor import Actor
from spaceport.errors import NotFound
from spaceport.ledger import Tx
from spaceport.ledger.spaces import Space

ON = ("1", "true", "yes")  # what a parameter that is on may say

P = ParamSpec("P")
T = TypeVar("T")
B = TypeVar("B", bound=Body)


@dataclass(frozen=True)
class Call:
    """`found` is the Space of the path; the route's action on it was allowed to `actor`."""

    request: web.Request
    context: HubContext
    actor: Actor
    origins: Origins
    found: Space | None = None

    @property
    def space(self) -> Space:
        if self.found is None:
            raise NotFound("Repository not found")
        return self.found

    @property
    def limits(self) -> ApiLimits:
        return self.context.settings.hub.api

    @property
    def origin(self) -> str:
        """The hub's origin as this client reaches it; every URL in an answer begins with it."""
        return self.origins.of(self.request)

    @property
    def request_id(self) -> str:
        return self.request[REQUEST_ID]

    def part(self, name: str) -> str:
        """A segment of the path, percent-decoded once."""
        return self.request.match_info[name]

    def flag(self, name: str) -> bool:
        """A query parameter that is on or off."""
        return self.request.query.get(name, "").lower() in ON

    async def body(self, model: type[B]) -> B:
        found = await read_json(self.request, self.limits, self.context.pools)
        return validate(model, found)

    async def read(self, function: Callable[[Tx], T]) -> T:
        """`function` in a reading transaction, on the pool `db`."""
        return await self.context.pools.run("db", self._read, function)

    async def write(self, function: Callable[[Tx], T]) -> T:
        """`function` in a writing transaction, on the pool `db`."""
        return await self.context.pools.run("db", self._write, function)

    async def git(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """`function` on the pool `git`."""
        return await self.context.pools.run("git", function, *args, **kwargs)

    def _read(self, function: Callable[[Tx], T]) -> T:
        with self.context.ledger.read() as tx:
            return function(tx)

    def _write(self, function: Callable[[Tx], T]) -> T:
        with self.context.ledger.write() as tx:
            return function(tx)


Answer = Awaitable[web.StreamResponse]
ApiHandler = Callable[[Call], Answer]


def answer(value: Any, *, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    """JSON."""
    return web.json_response(value, status=status, headers=headers)
