"""One request to a page: who asks, and how it is answered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar

from aiohttp import web

from hub import previews
from hub.context import HubContext
from hub.moved import present_address
from hub.web.templating import Templates
from spaceport.actor import Actor
from spaceport.authorize import Action, Resource, SpaceResource, authorize
from spaceport.errors import Invalid, NotFound
from spaceport.ledger import Tx, moves
from spaceport.ledger.overview import Overview, overview
from spaceport.names import SpaceId, SpaceKey

P = ParamSpec("P")
R = TypeVar("R")

FORM_LIMIT = 256 * 1024


@dataclass(frozen=True)
class Visit:
    """What a page's handler works with. Everything that blocks goes through `read`, `write`, `on`.

    A handler of a POST may rely on the request having come from a page of ours, with the session's
    token where there is a session (WEB-12).
    """

    request: web.Request
    context: HubContext
    templates: Templates
    actor: Actor
    nonce: str

    @property
    def csrf(self) -> str:
        """What every form of a signed-in visitor carries."""
        return "" if self.actor.session is None else self.actor.session.csrf

    @property
    def query(self) -> Mapping[str, str]:
        return self.request.query

    @property
    def wants_json(self) -> bool:
        """Whether one of our own scripts asks."""
        return self.request.headers.get("Accept", "").startswith("application/json")

    def word(self, name: str) -> str:
        """A part of the address."""
        return str(self.request.match_info[name])

    def may(self, action: Action, resource: Resource) -> bool:
        return authorize(self.actor, action, resource).allowed

    def page(self, template: str, *, status: int = 200, **values: Any) -> web.Response:
        """A rendered template; it knows `visit` besides `values`."""
        html = self.templates.render(template, visit=self, **values)
        return web.Response(text=html, status=status, content_type="text/html", charset="utf-8")

    def go(self, path: str) -> web.Response:
        """See other: the answer to every POST of a form that did what it should."""
        return web.Response(status=303, headers={"Location": path})

    async def form(self) -> dict[str, str]:
        """The text fields of a form, small by nature. Raises `Invalid` for anything else."""
        length = self.request.content_length
        if length is None or length > FORM_LIMIT:
            raise Invalid("This form is too large.")
        kind = self.request.content_type
        if kind != "application/x-www-form-urlencoded":
            raise Invalid("This is not a form of ours.", hint="Reload the page and try again.")
        fields = await self.request.post()
        return {name: value for name, value in fields.items() if isinstance(value, str)}

    async def read(self, question: Callable[[Tx], R]) -> R:
        """Ask the ledger within one read transaction."""

        def run() -> R:
            with self.context.ledger.read() as tx:
                return question(tx)

        return await self.context.pools.run("db", run)

    async def write(self, change: Callable[[Tx], R]) -> R:
        """Change the ledger in one transaction."""

        def run() -> R:
            with self.context.ledger.write() as tx:
                return change(tx)

        return await self.context.pools.run("db", run)

    async def on(self, pool: str, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run something else that blocks."""
        return await self.context.pools.run(pool, function, *args, **kwargs)

    async def space(self, *actions: Action) -> Overview:
        """The Space of the address, or its preview, if this visitor may do all of `actions`.

        Raises `Denied`, and for a page below a former id the redirect to the present one.
        """
        space_id = SpaceId(self.word("author"), self.word("name"))

        def find(tx: Tx) -> Overview | None:
            found = moves.find(tx, space_id)
            return None if found is None else overview(tx, found.key)

        found = await self.read(find)
        resource = None if found is None else SpaceResource.of(found.space)
        if found is not None and "preview" in self.request.match_info:
            resource = SpaceResource.of_previews(found.space)
        for action in actions or (Action.READ,):
            authorize(self.actor, action, resource).require()
        if found is None:
            raise NotFound("There is no such Space.")
        if "preview" in self.request.match_info:
            found = await self.read(preview_of(found.space.key, self.word("preview")))
        if not found.space.called(space_id) and self.request.method in ("GET", "HEAD"):
            address = present_address(self.request.rel_url, space_id, found.space.id)
            raise web.HTTPTemporaryRedirect(address)
        return found


def preview_of(parent: SpaceKey, name: str) -> Callable[[Tx], Overview]:
    """Finds the preview of a branch. Raises `NotFound`."""
    return lambda tx: overview(tx, previews.find(tx, parent, name).key)
