"""The Streamlit example in a real browser: its WebSocket, a slider, a chart."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.e2e.browser import page_of
from tests.e2e.server import Server

ROOT = Path(__file__).parents[2]
SPACE = "ada/falling-ball"
SECRET = 'a "quoted" \\ word\nand a second line é'
SHOW_SECRET = """
import hashlib
st.text(hashlib.sha256(st.secrets["KEY"].encode()).hexdigest())
"""


@pytest.mark.engine
@pytest.mark.browser
def test_a_chart_follows_the_slider_and_its_secret_is_there(
    spaceport: Server, tmp_path: Path
) -> None:
    spaceport.user("ada")
    spaceport.create_space(SPACE, "streamlit")
    app = tmp_path / "app"
    shutil.copytree(ROOT / "examples" / "streamlit-chart", app)
    with (app / "app.py").open("a") as code:
        code.write(SHOW_SECRET)
    spaceport.api("POST", f"/api/spaces/{SPACE}/secrets", "ada", {"key": "KEY", "value": SECRET})
    assert spaceport.push(SPACE, app).returncode == 0
    spaceport.reaches(SPACE, "RUNNING", timeout=240)
    with page_of(f"http://{spaceport.app_host(SPACE)}/") as page:
        expect(page.get_by_role("heading", name="Falling Ball")).to_be_visible(timeout=120_000)
        expect(page.get_by_text("2.02 s")).to_be_visible(timeout=120_000)
        expect(page.get_by_text(hashlib.sha256(SECRET.encode()).hexdigest())).to_be_visible()
        page.get_by_role("slider").focus()
        page.keyboard.press("ArrowRight")
        expect(page.get_by_text("2.07 s")).to_be_visible(timeout=120_000)
    spaceport.delete_space(SPACE)
