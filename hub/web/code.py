"""Source code as coloured lines, within a budget (WEB-16)."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup, escape
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexer import Lexer
from pygments.lexers import get_lexer_by_name, get_lexer_for_filename
from pygments.util import ClassNotFound

from hub.web.hostile import mark_hidden

MAX_BYTES = 1024 * 1024
MAX_LINE = 16 * 1024
MAX_LINES = 20_000
MAX_COLOURED = 128 * 1024  # larger files are shown without colours
MAX_COLOURED_LINE = 2_000

_FORMATTER: HtmlFormatter[str] = HtmlFormatter(nowrap=True)


@dataclass(frozen=True)
class Listing:
    """A file's lines as HTML. `hidden` says that invisible characters were marked."""

    lines: tuple[Markup, ...]
    hidden: bool


def listing(path: str, data: bytes) -> Listing | None:
    """The file as lines, or None for what is not text or too large to be shown."""
    if len(data) > MAX_BYTES or b"\0" in data:
        return None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
    lines = text.replace("\r\n", "\n").split("\n")
    if len(lines) > MAX_LINES or any(len(line) > MAX_LINE for line in lines):
        return None
    if lines and lines[-1] == "":
        lines.pop()
    marked = tuple(mark_hidden(line) for line in _coloured(path, lines))
    return Listing(marked, any("hidden-char" in line for line in marked))


def fence(code: str, language: str) -> Markup:
    """A block of code in a README: coloured when the language is known."""
    try:
        lexer = get_lexer_by_name(language, stripnl=False) if language else None
    except ClassNotFound:
        lexer = None
    if lexer is None or not _small(code.split("\n")):
        return escape(code)
    return Markup(highlight(code, lexer, _FORMATTER))  # noqa: S704 Pygments escapes


def _coloured(path: str, lines: list[str]) -> list[str]:
    lexer = _lexer(path) if _small(lines) else None
    if lexer is None:
        return [str(escape(line)) for line in lines]
    coloured = highlight("\n".join(lines), lexer, _FORMATTER).split("\n")
    if coloured and coloured[-1] == "":
        coloured.pop()
    # A lexer that eats lines would shift the numbers: then rather no colours.
    return coloured if len(coloured) == len(lines) else [str(escape(line)) for line in lines]


def _small(lines: list[str]) -> bool:
    return sum(map(len, lines)) <= MAX_COLOURED and all(
        len(line) <= MAX_COLOURED_LINE for line in lines
    )


def _lexer(path: str) -> Lexer | None:
    try:
        return get_lexer_for_filename(path.rpartition("/")[2], stripnl=False, ensurenl=False)
    except ClassNotFound:
        return None
