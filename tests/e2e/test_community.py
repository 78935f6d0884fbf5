"""A stranger's pull request, from the page's own commands to the app that it changes."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.conftest import CHROMIUM
from tests.e2e.browser import FLAGS
from tests.e2e.server import Server, git
from tests.waiting import eventually

SPACE = "carla/board"
PAGE = "<!doctype html><title>Board</title><h1>{}</h1>\n"


@contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        try:
            yield browser
        finally:
            browser.close()


def signed_in(browser: Browser, server: Server, name: str) -> Page:
    server.user(name)
    page = browser.new_context().new_page()
    page.goto(f"{server.url}/login")
    page.fill("[name=name]", name)
    page.fill("[name=password]", f"{name}-password-1")
    page.get_by_role("main").get_by_role("button", name="Sign in").click()
    expect(page.get_by_label("Your account")).to_be_visible()
    return page


def follow(commands: str, clone: Path, text: str) -> None:
    """Type what the page says; where it says to change and commit, do."""
    for line in commands.strip().splitlines():
        if line.startswith("#"):
            (clone / "index.html").write_text(PAGE.format(text))
            git("commit", "-qam", "Say it louder", cwd=clone)
        else:
            program, *words = shlex.split(line)
            assert program == "git"
            git(*words, cwd=clone)


@pytest.mark.engine
@pytest.mark.browser
@pytest.mark.req("11.12", "11.13", "180")
def test_a_pull_request_from_its_page_to_the_app(spaceport: Server, tmp_path: Path) -> None:
    spaceport.user("carla")
    spaceport.create_space(SPACE, "static")
    site = tmp_path / "site"
    site.mkdir()
    (site / "index.html").write_text(PAGE.format("quiet"))
    (site / "README.md").write_text("---\ntitle: Board\nsdk: static\n---\n")
    assert spaceport.push(SPACE, site).returncode == 0
    spaceport.reaches(SPACE, "RUNNING")
    with chromium() as browser:
        guest, owner = (signed_in(browser, spaceport, name) for name in ("curt", "carla"))
        guest.goto(f"{spaceport.url}/spaces/{SPACE}")
        guest.get_by_role("link", name="Community", exact=True).click()
        guest.get_by_role("link", name="New pull request").click()
        guest.get_by_label("Title").fill("Louder")
        guest.get_by_role("button", name="Begin the draft").click()
        commands = guest.locator("#pull .copy pre").text_content() or ""

        clone = tmp_path / "clone"
        remote = f"http://curt:{spaceport.user('curt')}@localhost:{spaceport.port}/spaces/{SPACE}"
        git("clone", "-q", remote, str(clone), cwd=tmp_path)
        follow(commands, clone, "LOUD")
        guest.reload()
        expect(guest.locator(".timeline")).to_contain_text("Say it louder")
        guest.get_by_role("button", name="Publish the draft").click()
        expect(guest.locator(".talk-head .badge")).to_have_text("Open")
        expect(guest.get_by_role("button", name="Merge")).to_have_count(0)

        owner.goto(guest.url.partition("#")[0])
        owner.get_by_role("link", name="Files changed").click()
        expect(owner.locator(".diff .plus")).to_contain_text("LOUD")
        owner.get_by_role("link", name="Conversation").click()
        owner.get_by_role("button", name="Let it run as a preview").click()
        path = f"/api/spaces/{SPACE}/previews/refs%2Fpr%2F1"
        shown = eventually(lambda: _ok(spaceport, path), timeout=60)
        host = str(shown["host"]).split("://", 1)[1]
        eventually(lambda: "LOUD" in spaceport.get("/", host=host).text, timeout=60)
        assert "quiet" in spaceport.visit(SPACE).text

        owner.get_by_role("button", name="Merge").click()
        expect(owner.locator(".talk-head .badge")).to_have_text("Merged")
    eventually(lambda: "LOUD" in spaceport.visit(SPACE).text, timeout=60)
    spaceport.delete_space(SPACE)


def _ok(server: Server, path: str) -> dict[str, object] | None:
    answer = server.api("GET", path, "carla")
    return dict(answer.json()) if answer.status == 200 else None
