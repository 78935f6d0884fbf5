"""Charts of what a Space has used: geometry by value, and the page in a browser."""

from __future__ import annotations

import math
import os
from datetime import UTC, datetime, timedelta

from hub.web.charts import Chart, Frame, Line, chart, rounded
from runtime.proxy.latency import BOUNDS
from spaceport.ledger import figures
from spaceport.ledger.columns import now
from spaceport.ledger.figures import FINE, Used, slot
from spaceport.sdk import Sdk
from tests.hub.web.conftest import Site

NOON = datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC)
TEN = Frame(NOON, NOON + timedelta(minutes=10), 60)


def at(minute: float) -> datetime:
    return NOON + timedelta(minutes=minute)


def test_a_line_with_a_gap_and_a_value_that_stands_alone() -> None:
    values = [(at(0), 1.0), (at(1), 3.0), (at(5), 4.0), (at(6), None)]
    assert chart("CPU", {"": values}, TEN, lambda value: f"{value:g}") == Chart(
        title="CPU",
        lines=(
            Line(
                "",
                "M0.0 80.0L30.0 80.0L90.0 40.0L120.0 40.0M300.0 20.0L330.0 20.0L360.0 20.0",
                "M0.0 100L0.0 80.0L30.0 80.0L90.0 40.0L120.0 40.0L120.0 100Z"
                "M300.0 100L300.0 20.0L330.0 20.0L360.0 20.0L360.0 100Z",
            ),
        ),
        top="5",
        latest="4",
        summary="CPU: between 1 and 4, last 4",
    )
    assert chart("CPU", {"": [(at(1), None)]}, TEN, str) is None
    assert chart("CPU", {}, TEN, str) is None


def test_scales_end_at_round_numbers() -> None:
    assert [rounded(most) for most in (0, 0.003, 1, 1.1, 2.4, 300, 512e6)] == [
        1.0, 0.005, 1.0, 2.0, 2.5, 500.0, 1e9,
    ]  # fmt: skip
    assert math.isclose(rounded(0.1), 0.1)


def fill(site: Site, id: str, sdk: Sdk = Sdk.GRADIO) -> None:
    space = site.made(id, sdk)
    begin = slot(now(), FINE)
    rows = []
    for minute in range(1, 58):
        if 20 < minute < 29:
            continue
        wave = 1 + math.sin(minute / 6)
        counts = tuple(
            round(9 * wave) if n in (5, 6) else int(n == 8) for n in range(len(BOUNDS) + 1)
        )
        rows.append(
            Used(space.key, FINE, begin - timedelta(minutes=minute), 60.0, 20 * wave, 2.0,
                 round(3e8 + 5e7 * wave), 400_000_000, 16 * 1024**3, 7_000_000,
                 round(9e5 * wave), round(4e6 * wave), round(40 * wave), counts)
        )  # fmt: skip
    with site.context.ledger.write() as tx:
        figures.add(tx, rows)


def test_the_owner_sees_charts_and_a_table(site: Site) -> None:
    fill(site, "uma/busy")
    site.made("uma/plain", Sdk.STATIC)
    site.made("uma/new")
    for scheme, width in (("light", 1100), ("dark", 390)):
        size = {"width": width, "height": 900}
        with site.browser("uma", viewport=size, color_scheme=scheme) as page:
            page.goto(f"{site.url}/spaces/uma/busy/settings#figures")
            section = page.locator("#figures")
            charts = section.get_by_role("img")
            assert charts.count() == 6
            assert (charts.first.get_attribute("aria-label") or "").startswith("CPU: between ")
            section.get_by_text("As a table").click()
            assert section.get_by_role("row").count() == 50
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            if folder := os.environ.get("SCREENSHOTS"):
                section.get_by_text("As a table").click()
                section.screenshot(path=f"{folder}/figures-{scheme}.png")
                page.locator("#secrets").screenshot(path=f"{folder}/secrets-{scheme}.png")
            section.get_by_role("link", name="Last week").click()
            assert "Nothing was measured" in page.locator("#figures").inner_text()
    uma = site.visitor("uma")
    assert 'id="figures"' not in uma.get("/spaces/uma/plain/settings").text
    assert "Nothing was measured" in uma.get("/spaces/uma/new/settings?figures=nonsense").text
