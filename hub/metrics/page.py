"""`GET /metrics`: the installation's figures in Prometheus' text format.

For administrators, and for whoever shows the token of the setting `hub.metrics_token`. An address
of loopback opens nothing: a front proxy makes all the world look like that, and apps without a
network of their own are there too.
"""

from __future__ import annotations

import asyncio
import hmac

from aiohttp import web
from prometheus_client import (
    CollectorRegistry,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from hub.api.access import actor_of
from hub.api.errors import framed
from hub.context import HubContext
from hub.metrics.from_ledger import QUICK, LedgerFigures
from hub.metrics.from_proxy import ProxyFigures
from hub.metrics.of_storage import StorageFigures
from runtime.proxy.metrics import Metrics
from spaceport.authorize import Action, Site, authorize

disable_created_metrics()  # type: ignore[no-untyped-call]  # series that nobody reads

PATH = "/metrics"
THAWS = (0.005, 0.01, 0.02, 0.03, 0.05, 0.075, *QUICK[1:])


class MetricsPage:
    """Create it, and use it, on the proxy's loop."""

    def __init__(self, context: HubContext, proxy: Metrics) -> None:
        self._context = context
        self._registry = CollectorRegistry()
        self._figures = LedgerFigures(self._registry, context.ledger)
        self._storage = StorageFigures(self._registry, context)
        self._thaws = Histogram(
            "spaceport_thaw_seconds",
            "From the first request to a frozen app to its going on.",
            buckets=THAWS,
            registry=self._registry,
        )
        self._registry.register(ProxyFigures(proxy))
        ProcessCollector(registry=self._registry)
        self._one = asyncio.Lock()

    def thawed(self, seconds: float) -> None:
        """An app was thawed for a visitor."""
        self._thaws.observe(seconds)

    async def begin(self) -> None:
        """Count from now on, not only from the first scrape."""
        async with self._one:
            await self._context.pools.run("db", self._figures.read)

    def add_routes(self, app: web.Application) -> None:
        app.router.add_get(PATH, framed(self._answer))

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        if not self._shows_token(request):
            actor = await actor_of(self._context, request)
            authorize(actor, Action.ADMINISTER_SITE, Site()).require()
        async with self._one:
            await self._context.pools.run("db", self._figures.read)
            await self._context.pools.run("files", self._storage.read)
            body = generate_latest(self._registry)
        headers = {"Content-Type": CONTENT_TYPE_PLAIN_0_0_4, "Cache-Control": "no-store"}
        return web.Response(body=body, headers=headers)

    def _shows_token(self, request: web.Request) -> bool:
        token = self._context.settings.hub.metrics_token.get_secret_value()
        scheme, _, shown = request.headers.get("Authorization", "").partition(" ")
        if not token or scheme.lower() != "bearer":
            return False
        return hmac.compare_digest(shown.strip().encode(), token.encode())
