"""Names and texts of users as pages show them: nothing invisible, nothing reversed (WEB-15)."""

from __future__ import annotations

import re

from markupsafe import Markup, escape

_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f"
    "\u202a-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb\udc80-\udcff]"
)


def mark_hidden(html: str) -> Markup:
    """In HTML that is escaped already: every invisible character becomes its visible code."""
    return Markup(_HIDDEN.sub(_mark, html))  # noqa: S704 the caller's HTML is escaped


def visible(text: object) -> Markup:
    """Any text, escaped, with its invisible characters shown. The templates' filter for names."""
    return mark_hidden(str(escape(text)))


def _mark(found: re.Match[str]) -> str:
    return f'<mark class="hidden-char" title="invisible character">U+{ord(found[0]):04X}</mark>'
