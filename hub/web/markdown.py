"""A README as HTML: rendered, and then sanitised last of all by an allow-list (WEB-02)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from posixpath import normpath
from urllib.parse import quote, unquote

import nh3
from markdown_it import MarkdownIt
from markupsafe import Markup

from hub.web.code import MAX_LINE, fence
from hub.web.hostile import mark_hidden

MAX_BYTES = 256 * 1024
"""A text made to take long takes some seconds of a core at this size, and then is remembered."""
_REMEMBERED = 64

_TAGS = set(
    """a b blockquote br code dd del details div dl dt em h1 h2 h3 h4 h5 h6 hr i img ins kbd li ol p
    pre q s samp small span strong sub summary sup table tbody td tfoot th thead tr tt u ul
    var""".split()
)
_ATTRIBUTES = {
    "a": {"href", "title"},
    "img": {"src", "alt", "title", "width", "height"},
    "td": {"align", "colspan", "rowspan"},
    "th": {"align", "colspan", "rowspan"},
    "p": {"align"},
    "div": {"align"},
    "h1": {"align"},
    "h2": {"align"},
    "h3": {"align"},
    "ol": {"start"},
    "details": {"open"},
}
_DROPPED_WHOLE = {"script", "style", "iframe", "object", "embed", "noscript", "template", "svg",
                  "math", "form", "select", "textarea", "button", "title", "head"}  # fmt: skip
# What Pygments calls things, in the order of its documentation; nothing else may be a class.
_CLASSES = set(
    """bp c c1 ch cm cp cpf cs dl err esc fm g gd ge gh gi go gp gr gs gt gu il k kc kd kn kp kr kt
    l ld m mb mf mh mi mo n na nb nc nd ne nf ni nl nn no nt nv nx o ow p pm py s s1 s2 sa sb sc sd
    se sh si sr ss sx vc vg vi vm w x""".split()
)
_RASTER = re.compile(r"data:image/(?:png|jpeg|gif|webp);base64,[A-Za-z0-9+/=]*")
_ABSOLUTE = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*:|//|\\")

_OF_SITE = re.compile(r"/(?![/\\])[^\x00-\x20\x7f\\]*")  # and of no other host, as browsers read it


@dataclass(frozen=True)
class Place:
    """Where a README stands, so that its relative links lead into the same revision."""

    space_path: str  # /spaces/author/name
    revision: str
    folder: str = ""  # the README's own folder
    site_paths: bool = False  # an address that begins with / is this site's, not the repository's

    def blob(self, target: str) -> str:
        return self._into("blob", target)

    def raw(self, target: str) -> str:
        return self._into("raw", target)

    def _into(self, view: str, target: str) -> str:
        path, mark, fragment = target.partition("#")
        path = unquote(path.partition("?")[0])
        base = "" if path.startswith("/") else self.folder
        inside = normpath(f"{base}/{path}").lstrip("/")
        if inside == ".." or inside.startswith("../") or inside == ".":
            inside = ""
        revision = quote(self.revision, safe="")
        url = f"{self.space_path}/{view}/{revision}/{quote(inside)}"
        return f"{url}#{quote(fragment)}" if mark and view == "blob" else url


def render(text: str, place: Place) -> Markup:
    """HTML that runs nothing and asks no other host for anything, whatever the text holds."""
    if len(text) > MAX_BYTES or any(len(line) > MAX_LINE for line in text.split("\n")):
        return Markup("<p>This README is too large to be shown here.</p>")
    return _rendered(text, place)


@lru_cache(maxsize=_REMEMBERED)
def _rendered(text: str, place: Place) -> Markup:
    return clean(_PARSER.render(text), place)


def clean(html: str, place: Place) -> Markup:
    """HTML of anybody, with what is harmless of it left and its invisible characters shown."""
    cleaned = nh3.clean(
        html,
        tags=_TAGS,
        clean_content_tags=_DROPPED_WHOLE,
        attributes=_ATTRIBUTES,
        allowed_classes={"span": _CLASSES},
        attribute_filter=lambda tag, name, value: _attribute(place, tag, name, value),
        link_rel="nofollow noopener ugc",
        url_schemes={"http", "https", "mailto", "data"},
        strip_comments=True,
    )
    return mark_hidden(cleaned)


def _attribute(place: Place, tag: str, name: str, value: str) -> str | None:
    value = value.strip()
    if name == "src":
        if _RASTER.fullmatch(value):
            return value
        # A picture elsewhere would tell its host who reads: it is not loaded.
        return None if _ABSOLUTE.match(value) or not value else place.raw(value)
    if name == "href":
        if value.lower().startswith(("http://", "https://", "mailto:")):
            return value
        if _ABSOLUTE.match(value):
            return None
        here = value.startswith("#") or (place.site_paths and _OF_SITE.fullmatch(value))
        return value if here else place.blob(value)
    return value


def _highlight(code: str, language: str, _attributes: str) -> str:
    return str(fence(code, language))


def make_parser(**more: bool) -> MarkdownIt:
    """What it makes is to be cleaned: the text may hold HTML. `more` are options of its own."""
    options = {"html": True, "linkify": False, "highlight": _highlight, "maxNesting": 20, **more}
    return MarkdownIt("commonmark", options).enable(["table", "strikethrough"])


_PARSER = make_parser()
