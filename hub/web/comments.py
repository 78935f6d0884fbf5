"""A comment as HTML: a README's Markdown, with lines that break where they were broken.

`@name` leads to that account, `#12` to that discussion or pull request of the same Space.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from time import thread_time

from markdown_it.rules_core import StateCore
from markdown_it.token import Token
from markupsafe import Markup

from hub.web.code import MAX_LINE
from hub.web.hostile import visible
from hub.web.markdown import Place, clean, make_parser

BUDGET = 256 * 1024
"""Characters of Markdown that are rendered for one answer; what comes after is shown as typed."""
SECONDS = 1.0
"""Of work for one answer; what is not rendered by then is shown as typed. Some texts are made to
take long, so that characters alone tell too little."""
CACHED = 16 * 1024
"""Characters of what is worth remembering."""

_REFERENCE = re.compile(
    r"(?<![\w/@#&.-])(?:@(?P<name>[A-Za-z0-9](?:-?[A-Za-z0-9]){0,95})|#(?P<number>[1-9]\d{0,8})\b)"
)


def render_comment(text: str, space_path: str) -> Markup:
    """HTML that runs nothing and asks no other host for anything, whatever the text holds."""
    if any(len(line) > MAX_LINE for line in text.split("\n")):
        return as_typed(text)
    return _remembered(text, space_path) if len(text) <= CACHED else _rendered(text, space_path)


def as_typed(text: str) -> Markup:
    """The text without any Markdown."""
    return Markup('<pre class="prewrap">{}</pre>').format(visible(text))


def renderer(space_path: str, budget: int = BUDGET) -> Callable[[str], Markup]:
    """Renders the comments of one answer as long as there is time for it; used in one thread."""
    left, end = budget, thread_time() + SECONDS

    def render(text: str) -> Markup:
        nonlocal left
        left -= len(text)
        if left < 0 or thread_time() > end:
            return as_typed(text)
        return render_comment(text, space_path)

    return render


@lru_cache(maxsize=256)
def _remembered(text: str, space_path: str) -> Markup:
    return _rendered(text, space_path)


def _rendered(text: str, space_path: str) -> Markup:
    place = Place(space_path, "main", site_paths=True)
    return clean(_PARSER.render(text, {"space": space_path}), place)


def _link_references(state: StateCore) -> None:
    """The rule for the parser: in text that is no code and in no link."""
    for block in state.tokens:
        if block.type != "inline" or not block.children:
            continue
        depth, found = 0, list[Token]()
        for token in block.children:
            depth += {"link_open": 1, "link_close": -1}.get(token.type, 0)
            plain = token.type == "text" and depth == 0
            found += _linked(token, state.env["space"]) if plain else (token,)
        block.children = found


def _linked(token: Token, space_path: str) -> Iterator[Token]:
    end = 0
    for match in _REFERENCE.finditer(token.content):
        yield _text(token.content[end : match.start()], token.level)
        name, number = match["name"], match["number"]
        target = f"/{name}" if name else f"{space_path}/discussions/{number}"
        yield Token("link_open", "a", 1, attrs={"href": target}, level=token.level)
        yield _text(match[0], token.level + 1)
        yield Token("link_close", "a", -1, level=token.level)
        end = match.end()
    yield _text(token.content[end:], token.level)


def _text(content: str, level: int) -> Token:
    return Token("text", "", 0, content=content, level=level)


_PARSER = make_parser(breaks=True)
_PARSER.core.ruler.after("inline", "references", _link_references)
