"""The Streamlit example in a real browser: its WebSocket, a slider, a chart."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.e2e.browser import page_of
from tests.e2e.server import Server

ROOT = Path(__file__).parents[2]
SPACE = "ada/falling-ball"


@pytest.mark.engine
@pytest.mark.browser
def test_a_chart_follows_the_slider(spaceport: Server) -> None:
    spaceport.user("ada")
    spaceport.create_space(SPACE, "streamlit")
    assert spaceport.push(SPACE, ROOT / "examples" / "streamlit-chart").returncode == 0
    spaceport.reaches(SPACE, "RUNNING", timeout=240)
    with page_of(f"http://{spaceport.app_host(SPACE)}/") as page:
        expect(page.get_by_role("heading", name="Falling Ball")).to_be_visible(timeout=120_000)
        expect(page.get_by_text("2.02 s")).to_be_visible(timeout=120_000)
        page.get_by_role("slider").focus()
        page.keyboard.press("ArrowRight")
        expect(page.get_by_text("2.07 s")).to_be_visible(timeout=120_000)
    spaceport.delete_space(SPACE)
