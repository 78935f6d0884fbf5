"""Checks of `.gitmodules`, which tells a cloner's git what to fetch from where (GIT-11)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import unquote

from gitserver.receive.fsck.headers import Problem
from gitserver.receive.fsck.names import is_dot_git

MAX_BYTES = 1 << 20
_SECTION = re.compile(r'\s*\[\s*([A-Za-z0-9.-]+)\s*(?:"((?:[^"\\\n]|\\.)*)")?\s*\]')
_KEY = re.compile(r"\s*([A-Za-z][A-Za-z0-9-]*)\s*(=)?")
_SCHEMES = frozenset(("http", "https", "ssh", "git", "git+ssh", "ssh+git"))
_ESCAPES = {"n": "\n", "t": "\t", "b": "\b", '"': '"', "\\": "\\"}


def check_gitmodules(data: bytes) -> Iterator[Problem]:
    """Every problem of a `.gitmodules` file's content."""
    if len(data) > MAX_BYTES:
        yield "gitmodulesLarge", ".gitmodules is too large to be read"
        return
    try:
        settings = list(parse_config(data.decode("utf-8", "surrogateescape")))
    except ValueError as error:
        yield "gitmodulesParse", f"could not parse .gitmodules: {error}"
        return
    for section, name, key, value in settings:
        if section == "submodule" and name is not None:
            yield from _check_setting(name, key, value)


def _check_setting(name: str, key: str, value: str | None) -> Iterator[Problem]:
    if not name or _climbs(name) or name.endswith("\r"):
        yield "gitmodulesName", f"disallowed submodule name: {name!r}"
    if key == "url" and not _good_url(value or ""):
        yield "gitmodulesUrl", f"disallowed submodule url: {value!r}"
    if key == "path" and (_option(value) or _climbs(value or "") or (value or "").endswith("\r")):
        yield "gitmodulesPath", f"disallowed submodule path: {value!r}"
    if key == "update" and (value or "").startswith("!"):
        yield "gitmodulesUpdate", f"disallowed submodule update setting: {value!r}"


def parse_config(text: str) -> Iterator[tuple[str, str | None, str, str | None]]:
    """The settings of a git configuration file: section, subsection, key (lower case), value.

    Raises `ValueError` where git could not read on.
    """
    section, name, at = "", None, 0
    text = text.replace("\r\n", "\n").removeprefix("\ufeff")
    while at < len(text):
        char = text[at]
        if char in "#;":
            at = _line_end(text, at)
        elif char.isspace():
            at += 1
        elif char == "[":
            match = _SECTION.match(text, at)
            if match is None:
                raise ValueError("bad section header")
            section, at = match[1].lower(), match.end()
            name = None if match[2] is None else re.sub(r"\\(.)", r"\1", match[2])
        else:
            match = _KEY.match(text, at)
            if match is None or not section:
                raise ValueError("bad line")
            value, at = (
                _value(text, match.end()) if match[2] else (None, _line_end(text, match.end()))
            )
            yield section, name, match[1].lower(), value


def _value(text: str, at: int) -> tuple[str, int]:
    out: list[str] = []
    quoted, kept = False, 0  # `kept`: how much of `out` is not trailing space
    while at < len(text):
        char = text[at]
        at += 1
        if char == "\n":
            if quoted:
                raise ValueError("a quoted value is cut off")
            break
        if char in "#;" and not quoted:
            at = _line_end(text, at)
            break
        if char == '"':
            quoted = not quoted
            kept = len(out)
            continue
        if char == "\\":
            following = text[at : at + 1]
            at += 1
            if following == "\n":
                continue
            if following not in _ESCAPES:
                raise ValueError("bad escape")
            char = _ESCAPES[following]
            out.append(char)
            kept = len(out)
            continue
        if not out and char in " \t" and not quoted:
            continue
        out.append(char)
        if quoted or char not in " \t":
            kept = len(out)
    return "".join(out[:kept]), at


def _line_end(text: str, at: int) -> int:
    end = text.find("\n", at)
    return len(text) if end < 0 else end


def _option(value: str | None) -> bool:
    return (value or "").startswith("-")


def _climbs(path: str) -> bool:
    return any(
        part == ".." or is_dot_git(part.encode("utf-8", "surrogateescape"))
        for part in re.split(r"[/\\]", path)
    )


def _good_url(url: str) -> bool:
    plain = unquote(url)
    if not url or _option(url) or any(ord(char) < 32 or ord(char) == 127 for char in plain):
        return False
    if url.startswith(("./", "../")):
        return _good_relative(plain)
    if "::" in url.split("/", 1)[0]:
        return False
    scheme, separator, rest = url.partition("://")
    if separator:
        host = rest.partition("/")[0]
        return scheme.lower() in _SCHEMES and bool(host) and not _option(host.rpartition("@")[2])
    host, colon, _ = url.partition(":")
    return bool(colon and host) and "/" not in host and not _option(host.rpartition("@")[2])


def _good_relative(url: str) -> bool:
    """git refuses relative addresses that climb out and then name what looks like a scheme."""
    rest = url
    while rest.startswith(("./", "../")):
        rest = rest.partition("/")[2]
    return not rest.startswith((":", "/")) and "::" not in rest
