"""Debian's Chromium, driven by Playwright; it talks to this machine only."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from playwright.sync_api import Page, TimeoutError, sync_playwright

from tests.conftest import CHROMIUM

TRIES = 6
NETWORK_CHANGED = "ERR_NETWORK_CHANGED"
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-proxy-server",
)


@contextmanager
def page_of(url: str) -> Iterator[Page]:
    """A page that was opened; when the test fails, its error tells what the browser saw."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        try:
            page = browser.new_page()
            seen = _watched(page)
            try:
                _open(page, url, seen)
                yield page
            except Exception as error:
                error.add_note(
                    "\n".join([*seen, f"The page says: {page.inner_text('body')[:2000]}"])
                )
                raise
        finally:
            browser.close()


def _open(page: Page, url: str, seen: list[str]) -> None:
    """Chromium drops its requests when an interface of this host comes or goes, which every
    container's start and end does: such a page is opened again."""
    for _ in range(TRIES):
        seen.clear()
        page.goto(url)
        with suppress(TimeoutError):  # a page that always listens
            page.wait_for_load_state("networkidle", timeout=10_000)
        if not any(NETWORK_CHANGED in line for line in seen):
            return


def _watched(page: Page) -> list[str]:
    """What the console says and which requests fail, noted as it comes."""
    seen: list[str] = []
    page.on("console", lambda message: seen.append(f"console: {message.text}"))
    page.on("requestfailed", lambda request: seen.append(f"{request.url}: {request.failure}"))
    page.on("websocket", lambda socket: seen.append(f"WebSocket opened: {socket.url}"))
    return seen
