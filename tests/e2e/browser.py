"""Debian's Chromium, driven by Playwright; it talks to this machine only."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Page, sync_playwright

from tests.conftest import CHROMIUM

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
                page.goto(url)
                yield page
            except Exception as error:
                error.add_note(
                    "\n".join([*seen, f"The page says: {page.inner_text('body')[:2000]}"])
                )
                raise
        finally:
            browser.close()


def _watched(page: Page) -> list[str]:
    """What the console says and which requests fail, noted as it comes."""
    seen: list[str] = []
    page.on("console", lambda message: seen.append(f"console: {message.text}"))
    page.on("requestfailed", lambda request: seen.append(f"{request.url}: {request.failure}"))
    page.on("websocket", lambda socket: seen.append(f"WebSocket opened: {socket.url}"))
    return seen
