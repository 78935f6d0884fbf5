"""Who may read `/metrics`, on a real port."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from config.hub import HubSettings
from hub.context import HubContext
from hub.metrics.page import MetricsPage
from runtime.proxy.metrics import Metrics
from spaceport.ledger import accounts, sessions, tokens, volumes
from spaceport.roles import TokenRole
from tests.hub.conftest import make_context
from tests.hub.wire import free_port


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[tuple[HubContext, MetricsPage, str]]:
    port = free_port()
    context = make_context(tmp_path / "data", port)
    page = MetricsPage(context, Metrics())
    await page.begin()
    app = web.Application()
    page.add_routes(app)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    yield context, page, f"http://127.0.0.1:{port}/metrics"
    await runner.cleanup()
    context.pools.close()
    context.ledger.close()


def token(context: HubContext, name: str, *, admin: bool) -> str:
    with context.ledger.write() as tx:
        account = accounts.create_user(tx, name, is_admin=admin)
        return tokens.create(tx, account.id, "t", TokenRole.WRITE)[1]


async def ask(url: str, shown: str = "") -> tuple[int, str]:
    headers = {"Authorization": f"Bearer {shown}"} if shown else {}
    async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as answer:
        return answer.status, await answer.text()


@pytest.mark.req("API-07")
async def test_only_administrators_read_it(
    served: tuple[HubContext, MetricsPage, str],
) -> None:
    context, page, url = served
    assert (await ask(url))[0] == 401
    assert (await ask(url, token(context, "ben", admin=False)))[0] == 403
    assert (await ask(url, "guessed"))[0] == 401
    page.thawed(0.02)
    assert (await ask(url, token(context, "ada", admin=True)))[0] == 403  # tokens never rule
    with context.ledger.write() as tx:
        _, cookie = sessions.begin(tx, accounts.create_user(tx, "grace", is_admin=True).id)
    signed_in = {"Cookie": f"spaceport-session={cookie}"}
    async with aiohttp.ClientSession() as session, session.get(url, headers=signed_in) as answer:
        assert answer.status == 200
        text = await answer.text()
    families = {family.name: family for family in text_string_to_metric_families(text)}
    assert "spaceport_proxy_answers" in families
    counts = [
        one.value for one in families["spaceport_thaw_seconds"].samples if "count" in one.name
    ]
    assert counts == [1]


async def test_or_whoever_shows_the_token_of_the_settings(
    served: tuple[HubContext, MetricsPage, str],
) -> None:
    context, _, url = served
    hub = HubSettings(metrics_token=SecretStr("correct-horse"))
    changed = context.settings.model_copy(update={"hub": hub})
    object.__setattr__(context, "settings", changed)
    assert (await ask(url, "correct-horse"))[0] == 200
    assert (await ask(url, "correct-hors"))[0] == 401
    assert (await ask(url))[0] == 401
    assert "correct-horse" not in repr(changed)


async def test_what_is_promised_and_what_is_free(
    served: tuple[HubContext, MetricsPage, str],
) -> None:
    context, _, url = served
    with context.ledger.write() as tx:
        owner = accounts.create_user(tx, "dora")
        volumes.make_bucket(tx, owner.id, "cache", "small", 20 << 30)
    hub = HubSettings(metrics_token=SecretStr("correct-horse"))
    object.__setattr__(context, "settings", context.settings.model_copy(update={"hub": hub}))
    _, text = await ask(url, "correct-horse")
    found = {
        sample.name: sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if not sample.labels
    }
    assert found["spaceport_storage_promised_bytes"] == 20 << 30
    assert found["spaceport_storage_taken_bytes"] == 0
    assert found["spaceport_disk_free_bytes"] > 0
