"""A README can hold anything; its page runs nothing and asks nobody else for anything."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.web.markdown import Place, render
from tests.hub.web.conftest import Site
from tests.hub.web.payloads import PAYLOADS

HERE = Place("/spaces/a/b", "main", "docs")
HARMLESS = {"href", "src", "alt", "title", "width", "height", "align", "colspan", "rowspan",
            "start", "open", "rel", "class"}  # fmt: skip


class Auditor(HTMLParser):
    """Finds every tag, attribute and address that could do something."""

    def __init__(self) -> None:
        super().__init__()
        self.bad: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("script", "style", "iframe", "form", "svg", "math", "base", "meta", "link",
                   "object", "embed", "input", "button", "video", "template"):  # fmt: skip
            self.bad.append(tag)
        for name, value in attrs:
            if name not in HARMLESS:
                self.bad.append(f"{tag} {name}")
            if name == "src" and not re.match(r"/spaces/a/b/raw/|data:image/png;", value or ""):
                self.bad.append(f"{tag} src={value}")
            if name == "href" and not re.match(
                r"/spaces/a/b/blob/|https?://|mailto:|#", value or "", re.IGNORECASE
            ):
                self.bad.append(f"{tag} href={value}")
        if tag == "a" and any(name == "href" for name, _ in attrs):
            assert dict(attrs)["rel"] == "nofollow noopener ugc"


def audit(html: str) -> list[str]:
    auditor = Auditor()
    auditor.feed(html)
    return auditor.bad


@pytest.mark.req("WEB-02")
def test_no_payload_leaves_anything_that_could_run() -> None:
    assert len(PAYLOADS) >= 500
    found = {text: bad for text in PAYLOADS if (bad := audit(render(text, HERE)))}
    assert found == {}


@given(st.text(max_size=300))
def test_any_text_renders_to_harmless_html(text: str) -> None:
    assert audit(render(text, HERE)) == []


@pytest.mark.parametrize(
    ("markdown", "address"),
    [
        ("[x](../app.py#L3)", "/spaces/a/b/blob/main/app.py#L3"),
        ("[x](/top.md)", "/spaces/a/b/blob/main/top.md"),
        ("[x](../../../../etc/passwd)", "/spaces/a/b/blob/main/"),
        ("![x](img/a%20b.png)", "/spaces/a/b/raw/main/docs/img/a%20b.png"),
        ("[x](https://example.org/?a=1&b=2)", "https://example.org/?a=1&amp;b=2"),
        ("[x](#top)", "#top"),
        ("![x](data:image/png;base64,AAAA)", "data:image/png;base64,AAAA"),
    ],
)
def test_relative_addresses_stay_in_the_revision(markdown: str, address: str) -> None:
    assert f'"{address}"' in render(markdown, HERE)


def test_what_people_write_is_shown() -> None:
    html = render(
        "# Hi\n\n|a|b|\n|-|-|\n|1|2|\n\n~~no~~ <kbd>x</kbd>\n\n```python\ndef f(): 1\n```", HERE
    )
    for part in (
        "<h1>Hi</h1>",
        "<td>1</td>",
        "<s>no</s>",
        "<kbd>x</kbd>",
        '<span class="k">def</span>',
    ):
        assert part in html


@pytest.mark.req("WEB-16")
def test_what_is_too_large_is_not_rendered() -> None:
    assert "too large" in render("x" * 2_000_000, HERE)
    assert "too large" in render("x" * 17_000, HERE)
    assert len(render("> " * 5000 + "x", HERE)) < 100_000
    assert render("[" * 15_000, HERE)


PATHS = """
    /tree/main /tree/main/more /blob/main/README.md /blob/main/x.svg /blob/main/page.html
    /blob/main/a.ipynb /blob/main/%3Cscript%3Eowned%3D1%3C%E2%88%95script%3E.py /commits/main
    /settings
""".split()


@pytest.mark.browser
@pytest.mark.req("WEB-02")
@pytest.mark.req("WEB-03")
def test_a_browser_runs_nothing_and_asks_nobody(site: Site, tmp_path: Path) -> None:
    names = [
        text.replace("/", "\u2215")
        for text in PAYLOADS[-31:]
        if "\n" not in text and "\x01" not in text
    ]
    hostile = "<img src=x onerror=window.owned=1>"
    card = f"sdk: gradio\ntitle: {hostile!r}\nshort_description: '<script>owned=1</script>'"
    block = f"---\n{card}\n---\n"
    files: dict[str, str | bytes] = {name[:80]: "x = 1\n" for name in names}
    files |= {
        "README.md": block + "\n\n".join(PAYLOADS),
        "more/README.md": "\n\n".join(f"<div>{text}</div>" for text in PAYLOADS),
        "x.svg": f"<svg xmlns='http://www.w3.org/2000/svg' onload='owned=1'>{'x' * 2000}</svg>",
        "page.html": "<script>window.owned=1</script>",
        "a.ipynb": '{"cells": [{"outputs": ["<script>window.owned=1</script>"]}]}',
        "<script>owned=1<\u2215script>.py": "'''</script><script>window.owned=1</script>'''\n",
    }
    site.made("eve/hostile", files=files, folder=tmp_path)
    base = "/spaces/eve/hostile"
    asked: list[str] = []
    with site.browser("eve") as page:
        page.on("request", lambda request: asked.append(request.url))
        page.on("dialog", lambda dialog: asked.append("dialog"))
        for path in ("", *PATHS):
            answer = page.goto(f"{site.url}{base}{path}")
            assert answer is not None
            assert answer.status == 200, path
            assert page.evaluate("typeof window.owned") == "undefined", path
        for path in ("/spaces", "/eve"):
            page.goto(f"{site.url}{path}")
            assert page.evaluate("typeof window.owned") == "undefined", path
            assert page.get_by_text(hostile).count() == 1
    foreign = [url for url in asked if not url.startswith((f"{site.url}/", "http://eve-", "data:"))]
    assert foreign == []
