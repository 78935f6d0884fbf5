"""The previews of a Space, for everybody who may read its branches."""

from __future__ import annotations

from aiohttp import web

from hub.web.pages.space import header_of
from hub.web.sections.previews import section
from hub.web.visit import Visit
from spaceport.authorize import Action


async def page(visit: Visit) -> web.StreamResponse:
    """`GET /spaces/{author}/{name}/previews`."""
    view = await visit.space(Action.READ)
    shown = await section(visit, view)
    header = await header_of(visit, view)
    return visit.page("previews.html", header=header, tab="previews", **shown)
