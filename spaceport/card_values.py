"""The types of card values: each reads what YAML or JSON gave, or says what is allowed.

A `ValueError` of these functions is the second half of a sentence that begins with the key. The
patterns are strict on purpose: these values end in file paths, URLs, headers and commands
(security WEB-08).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from spaceport.emoji import is_emoji
from spaceport.frontmatter import Plain, native

MAX_TEXT = 10_000
MAX_ITEMS = 1_000
COLORS = ("red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray")
HEADERS = {
    "cross-origin-embedder-policy": ("unsafe-none", "require-corp", "credentialless"),
    "cross-origin-opener-policy": ("same-origin", "same-origin-allow-popups", "unsafe-none"),
    "cross-origin-resource-policy": ("same-site", "same-origin", "cross-origin"),
}

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u2028\u2029]")
_DURATION = re.compile(r"(?:(\d{1,4})h)?(?:(\d{1,6})m)?(?:(\d{1,7})s)?")
_PATH = re.compile(r"[\w.][\w .+@=,~-]*(?:/[\w.][\w .+@=,~-]*)*")
_MOST_SECONDS = 24 * 3600

Reader = Callable[[Any], Any]


def shown(value: Any) -> str:
    """A value as an error message repeats it: short, and with nothing invisible."""
    text = str(value) if isinstance(value, str) else str(native(value))
    return repr(text if len(text) <= 60 else text[:57] + "...")


def text(value: Any) -> str:
    """Any one-line or many-line text; numbers and words without quotes are text as written."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError("must be text.")
    cleaned = str(value).strip()
    if len(cleaned) > MAX_TEXT:
        raise ValueError(f"must not be longer than {MAX_TEXT} characters.")
    if _CONTROL.search(cleaned):
        raise ValueError("must not hold control characters.")
    return cleaned


def line(most: int) -> Reader:
    """Text of one line, at most `most` characters."""

    def read(value: Any) -> str:
        cleaned = " ".join(text(value).split())
        if len(cleaned) > most:
            raise ValueError(f"must have at most {most} characters, not {len(cleaned)}.")
        return cleaned

    return read


def matching(pattern: str, allowed: str, most: int = 1024) -> Reader:
    """Text that matches `pattern` from end to end; `allowed` describes it in words."""
    compiled = re.compile(pattern, re.ASCII)

    def read(value: Any) -> str:
        cleaned = text(value)
        if len(cleaned) > most or not compiled.fullmatch(cleaned):
            raise ValueError(f"must be {allowed}, not {shown(cleaned)}.")
        return cleaned

    return read


def one_of(words: Iterable[str]) -> Reader:
    allowed = tuple(words)

    def read(value: Any) -> str:
        if not isinstance(value, str) or value not in allowed:
            raise ValueError(f"must be one of {', '.join(allowed)}, not {shown(value)}.")
        return str(value)

    return read


def flag(value: Any) -> bool:
    found = native(value)
    if not isinstance(found, bool):
        raise ValueError(f"must be true or false, not {shown(value)}.")
    return found


def whole(least: int, most: int) -> Reader:
    def read(value: Any) -> int:
        found = native(Plain(value)) if isinstance(value, str) else value
        if isinstance(found, bool) or not isinstance(found, int) or not least <= found <= most:
            raise ValueError(f"must be a whole number from {least} to {most}, not {shown(value)}.")
        return found

    return read


def list_of(item: Reader) -> Reader:
    """A list; the message of the first bad item is given."""

    def read(value: Any) -> tuple[Any, ...]:
        if not isinstance(value, list | tuple):
            raise ValueError(f"must be a list, not {shown(value)}; write one '- ' line for each.")
        if len(value) > MAX_ITEMS:
            raise ValueError(f"must not have more than {MAX_ITEMS} entries.")
        return tuple(item(inner) for inner in value)

    return read


def one_or_list(item: Reader) -> Reader:
    """One value or a list of them; always a tuple."""
    many = list_of(item)
    return lambda value: many(value if isinstance(value, list | tuple) else [value])


def emoji(value: Any) -> str:
    cleaned = text(value)
    if not is_emoji(cleaned):
        raise ValueError(f"must be one emoji and nothing else, not {shown(cleaned)}.")
    return cleaned


def path(value: Any) -> str:
    """A path inside the repository: relative, no `..`, nothing that a shell or URL would read."""
    cleaned = text(value).removeprefix("./")
    parts = cleaned.split("/")
    if len(cleaned) > 1024 or not _PATH.fullmatch(cleaned) or ".." in parts or "." in parts:
        raise ValueError(
            "must be a path inside the repository such as src/app.py (letters, digits, spaces and "
            f"'. _ - + @ = , ~', no '..'), not {shown(cleaned)}."
        )
    return cleaned


def duration(value: Any) -> str:
    """`90s`, `45m`, `1h`, `1h30m`: from a second to 24 hours. Kept as written."""
    cleaned = text(value)
    try:
        seconds(cleaned)
    except ValueError:
        raise ValueError(
            f"must be a duration such as 90s, 45m, 1h or 1h30m, at most 24h, not {shown(cleaned)}."
        ) from None
    return cleaned


def seconds(written: str) -> int:
    """The seconds of a duration as `duration` accepts it; `ValueError` otherwise."""
    found = _DURATION.fullmatch(written)
    if found is None or not written:
        raise ValueError(written)
    hours, minutes, rest = (int(part or 0) for part in found.groups())
    total = hours * 3600 + minutes * 60 + rest
    if not 1 <= total <= _MOST_SECONDS:
        raise ValueError(written)
    return total


def headers(value: Any) -> dict[str, str]:
    """The three cross-origin headers, all in lower case, and no other."""
    if not isinstance(value, dict):
        raise ValueError(f"must be 'header: value' lines, not {shown(value)}.")
    for name, given in value.items():
        allowed = HEADERS.get(name)
        if allowed is None:
            raise ValueError(f"may only set {', '.join(HEADERS)}, not {shown(name)}.")
        if not isinstance(given, str) or given not in allowed:
            raise ValueError(f"{name} must be one of {', '.join(allowed)}, not {shown(given)}.")
    return {name: str(given) for name, given in value.items()}
