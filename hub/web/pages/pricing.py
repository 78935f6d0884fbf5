"""All hardware and storage with their prices (spaces-behaviour 4.6.11)."""

from __future__ import annotations

from aiohttp import web

from hub.hardware import offered
from hub.web.visit import Visit


async def page(visit: Visit) -> web.StreamResponse:
    """`GET /pricing`: for everybody."""
    catalogue = visit.context.catalogue
    return visit.page(
        "pricing.html",
        flavors=catalogue.flavors,
        here=offered(visit.context),
        storage=catalogue.storage,
    )
