"""What every page carries, and that no page holds anything the policy would have to allow."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from hub.web.security import page_headers
from tests.hub.web.conftest import Site

TEMPLATES = Path(__file__).parents[3] / "hub/web/templates"


class Page(HTMLParser):
    """Collects what a strict policy forbids."""

    def __init__(self) -> None:
        super().__init__()
        self.bad: list[str] = []
        self.nonces: list[str | None] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.bad += [f"{tag} {name}" for name in found if name.startswith("on") or name == "style"]
        if tag == "script" or (tag == "link" and found.get("rel") == "stylesheet"):
            self.nonces.append(found.get("nonce"))
        if tag == "style" or (tag == "script" and "src" not in found and "type" not in found):
            self.bad.append(f"inline {tag}")
        for name in ("src", "href", "action"):
            value = found.get(name) or "/"
            if name != "href" and not value.startswith("/"):
                self.bad.append(f"{tag} {name}={value}")


@pytest.fixture(scope="module")
def pages(site: Site, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    files = {"app.py": "x = 1\n", "docs/README.md": "# Docs\n", "a.png": b"\x89PNG\r\n\x1a\n" * 200}
    site.made("heads/hello", files=files, folder=tmp_path_factory.mktemp("heads"))
    base = "/spaces/heads/hello"
    return [
        "/", "/spaces", "/spaces?search=x&sdk=docker", "/heads", "/new-space", "/settings", base,
        f"{base}?logs=build", f"{base}/tree/main", f"{base}/tree/main/docs", f"{base}/settings",
        f"{base}/duplicate",
        f"{base}/blob/main/app.py", f"{base}/blob/main/docs/README.md", f"{base}/blob/main/a.png",
        f"{base}/commits/main", "/spaces/heads/absent", f"{base}/tree/absent", "/nobody-here",
        f"{base}/blob/main/absent", "/join/absent", "/login",
    ]  # fmt: skip


@pytest.mark.req("WEB-06")
def test_every_page_has_the_strict_headers_and_nothing_inline(site: Site, pages: list[str]) -> None:
    nonces = set()
    for who in ("", "heads"):
        visitor = site.visitor(who)
        for path in pages:
            reply = visitor.get(path)
            assert reply.status in (200, 303, 404), path
            policy = reply.headers["Content-Security-Policy"]
            nonce = re.search(r"script-src 'nonce-([\w-]{20,})'; style-src 'nonce-\1';", policy)
            assert nonce, path
            nonces.add(nonce[1])
            for part in ("default-src 'none'", "object-src 'none'", "base-uri 'none'",
                         "form-action 'self'", "frame-ancestors 'self'",
                         f"frame-src http://*.localhost:{site.port};"):  # fmt: skip
                assert part in policy
            assert "unsafe" not in policy
            assert reply.headers["X-Content-Type-Options"] == "nosniff"
            assert reply.headers["Referrer-Policy"] == "strict-origin-when-cross-origin"
            assert reply.headers["Cross-Origin-Opener-Policy"] == "same-origin"
            assert reply.headers["Cache-Control"] == "private, no-store"
            if reply.status != 303:
                page = Page()
                page.feed(reply.text)
                assert page.bad == [], path
                assert set(page.nonces) == {nonce[1]}, path
    assert len(nonces) == 2 * len(pages)


@pytest.mark.req("WEB-06")
def test_under_tls_browsers_are_told_to_stay_there() -> None:
    assert "Strict-Transport-Security" in page_headers("n", "https://*.x", secure=True)
    assert "Strict-Transport-Security" not in page_headers("n", "http://*.x", secure=False)


@pytest.mark.req("WEB-03")
def test_no_template_switches_escaping_off() -> None:
    for template in TEMPLATES.glob("*.html"):
        text = template.read_text()
        assert not re.search(r"\|\s*safe\b|autoescape", text), template.name
        assert "style=" not in text, template.name


def test_assets_are_cached_for_ever_under_their_digest(site: Site) -> None:
    visitor = site.visitor()
    found = re.search(r"/assets/\w+/style\.css", visitor.get("/login").text)
    assert found is not None
    reply = visitor.get(found[0])
    assert (reply.status, reply.headers["Content-Type"]) == (200, "text/css; charset=utf-8")
    assert "immutable" in reply.headers["Cache-Control"]
    assert "immutable" not in visitor.get("/assets/old/style.css").headers["Cache-Control"]
    for name in ("absent.css", "..%2fdoor.py", "%2e%2e/door.py"):
        assert visitor.get(f"/assets/x/{name}").status == 404
