"""A comment can hold anything; it runs nothing, and its references lead where they should."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from time import thread_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.web import comments
from hub.web.comments import as_typed, render_comment, renderer
from tests.hub.web.payloads import PAYLOADS
from tests.hub.web.test_markdown import audit

SPACE = "/spaces/a/b"


class Links(HTMLParser):
    """The addresses that a browser would go to."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value or "" for name, value in attrs if name == "href"]


def foreign(html: str) -> list[str]:
    """Addresses that are neither of this site nor honest about another one."""
    honest = re.compile(r"/(?![/\\])[^\x00-\x20\\]*|#.*|https?://.*|mailto:.*", re.I | re.S)
    return [link for link in Links(html).found if not honest.fullmatch(link)]


def bad(html: str) -> list[str]:
    """As for a README, but that an address of this site is fine."""
    found = [each for each in audit(html) if not re.match(r"a href=/", each)]
    return found + foreign(html)


@pytest.mark.req("WEB-02")
def test_no_payload_leaves_anything_that_could_run() -> None:
    found = {text: wrong for text in PAYLOADS if (wrong := bad(render_comment(text, SPACE)))}
    assert found == {}
    tricks = ("/\\evil.invalid", "/\t/evil.invalid", "/&#92;evil.invalid", "//evil.invalid")
    for trick in tricks:
        html = render_comment(f'<a href="{trick}">x</a> [x](<{trick}>)', SPACE)
        assert [link for link in Links(html).found if not re.match(r"/[^/\\]", link)] == [], html


@given(st.text(max_size=300))
def test_any_text_renders_to_harmless_html(text: str) -> None:
    assert bad(render_comment(text, SPACE)) == []
    assert bad(as_typed(text)) == []


@pytest.mark.req("16.5")
@pytest.mark.parametrize(
    ("text", "links"),
    [
        ("@ada and @Grace-Hopper2, hello", ["/ada", "/Grace-Hopper2"]),
        ("see #12.", ["/spaces/a/b/discussions/12"]),
        ("**#1**", ["/spaces/a/b/discussions/1"]),
        ("mail me@example.org", []),
        ("`@ada` and `#1`", []),
        ("```\n@ada #1\n```", []),
        ("[@ada](https://example.org)", ["https://example.org"]),
        ("\\@ada a#1 #0 #1234567890 @-x", []),
        ("[file](app.py) [top](/spaces/x/y)", ["/spaces/a/b/blob/main/app.py", "/spaces/x/y"]),
        ("# 1\n\n#hash", []),
    ],
)
def test_people_and_discussions_that_it_names_become_links(text: str, links: list[str]) -> None:
    assert Links(render_comment(text, SPACE)).found == links


def test_lines_break_where_they_were_broken() -> None:
    assert "one<br>" in render_comment("one\ntwo", SPACE)


def test_what_costs_too_much_is_shown_as_typed() -> None:
    text = "**bold** <b>x</b>"
    render = renderer(SPACE, budget=len(text))
    assert "<strong>" in render(text)
    assert render(text) == '<pre class="prewrap">**bold** &lt;b&gt;x&lt;/b&gt;</pre>'
    assert render_comment("x" * 20_000, SPACE).startswith('<pre class="prewrap">xxx')


@pytest.mark.req("WEB-16")
def test_an_answer_stops_rendering_when_it_worked_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    worked = [10.0]
    monkeypatch.setattr(comments, "thread_time", lambda: worked[0])
    render = renderer(SPACE)
    assert "<strong>" in render("**x**")
    worked[0] += comments.SECONDS + 0.1
    assert render("**x**") == as_typed("**x**")


@pytest.mark.req("WEB-16")
def test_texts_that_are_made_to_take_long_cost_one_answer_little() -> None:
    render, before = renderer(SPACE, budget=1 << 30), thread_time()
    for _ in range(20):
        render("[\n" * 30_000)  # more than a second of work alone
    assert thread_time() - before < 8
