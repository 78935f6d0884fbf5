"""The static example in a real browser: it calls the hub's API from its own origin."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.e2e.browser import page_of
from tests.e2e.server import Server
from tests.waiting import eventually

ROOT = Path(__file__).parents[2]
SPACE = "ada/spaces-here"


@pytest.mark.engine
@pytest.mark.browser
def test_a_static_page_calls_the_hub(spaceport: Server, tmp_path: Path) -> None:
    spaceport.user("ada")
    spaceport.create_space(SPACE, "static")
    assert spaceport.push(SPACE, ROOT / "examples" / "static-page").returncode == 0
    spaceport.reaches(SPACE, "RUNNING")
    with page_of(f"http://{spaceport.app_host(SPACE)}/") as page:
        expect(page.get_by_text(f"{SPACE} (static)")).to_be_visible()
    changed = tmp_path / "changed"
    shutil.copytree(ROOT / "examples" / "static-page", changed)
    page_file = changed / "index.html"
    page_file.write_text(page_file.read_text().replace("<h1>Spaces Here", "<h1>Spaces There"))
    assert spaceport.push(SPACE, changed).returncode == 0
    eventually(lambda: "Spaces There" in spaceport.visit(SPACE).text, timeout=30)
    assert spaceport.visit(SPACE, "/nothing-here").status == 404
    spaceport.delete_space(SPACE)
