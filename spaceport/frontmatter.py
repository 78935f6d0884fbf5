"""The block between two `---` lines at the top of README.md, read by a strict, small YAML reader.

It knows mappings with text keys, lists and scalars, and nothing else: no anchors, aliases, tags,
merge keys, directives or repeated keys (security WEB-07). It works on libyaml's stream of events,
so depth and size are refused as they are met and nothing is ever expanded. Octal, hexadecimal,
sexagesimal numbers and dates stay text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import yaml

MAX_BYTES = 64 * 1024
MAX_NODES = 5_000
MAX_DEPTH = 20
MAX_PROBLEM = 200

_LINE_END = re.compile(r"\r\n|\r|\n")
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,17})")
_FLOAT = re.compile(r"[-+]?[0-9]{1,30}\.[0-9]{0,30}(?:[eE][-+]?[0-9]{1,3})?")
_NULLS = frozenset(("", "~", "null", "Null", "NULL"))
_BOOLS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class FrontMatterError(ValueError):
    """Raised for a block that cannot be read; the message is one plain sentence."""


class Plain(str):
    """A scalar written without quotes: what it means depends on the key that it belongs to.

    `sdk_version: 5.10` must stay "5.10", `app_port: 8080` is a number; `native` decides where
    nobody knows the key.
    """

    __slots__ = ()


@dataclass(frozen=True)
class Block:
    """The text between the two lines, and where it stands in the README (first line is 1)."""

    text: str
    first_line: int


def find_block(readme: bytes) -> Block | None:
    """The block, or None when the README does not begin with a `---` line.

    Raises `FrontMatterError` for a block that never ends, is larger than 64 KiB, or is not UTF-8.
    """
    # Some bytes more than allowed are enough to tell a large block from a block without an end.
    head = readme[: MAX_BYTES * 2].decode("utf-8", errors="surrogateescape")
    lines = _LINE_END.split(head.removeprefix("\ufeff"))
    start = next((at for at, line in enumerate(lines) if line.strip()), len(lines))
    if start == len(lines) or lines[start].rstrip() != "---":
        return None
    end = next((at for at in range(start + 1, len(lines)) if lines[at].rstrip() == "---"), None)
    if end is None:
        too_large = len(readme) > MAX_BYTES * 2
        raise FrontMatterError(_TOO_LARGE if too_large else _NO_END)
    text = "\n".join(lines[start + 1 : end])
    if len(text.encode("utf-8", errors="surrogateescape")) > MAX_BYTES:
        raise FrontMatterError(_TOO_LARGE)
    if any("\udc80" <= character <= "\udcff" for character in text):
        raise FrontMatterError("The configuration block is not UTF-8 text; save README.md as such.")
    return Block(text, start + 2)


def body_of(readme: str) -> str:
    """What follows the block: the part of a README that people read."""
    lines = _LINE_END.split(readme.removeprefix("\ufeff"))
    start = next((at for at, line in enumerate(lines) if line.strip()), len(lines))
    if start == len(lines) or lines[start].rstrip() != "---":
        return readme
    for at in range(start + 1, len(lines)):
        if lines[at].rstrip() == "---":
            return "\n".join(lines[at + 1 :])
    return readme


def parse(block: Block) -> dict[str, Any]:
    """The mapping in the block: `dict`, `list`, `str` (quoted) and `Plain` (unquoted) only.

    Raises `FrontMatterError` with the line in the README.
    """
    reader = _Reader(block.first_line)
    try:
        for event in yaml.parse(block.text, Loader=_LOADER):
            reader.take(event)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = block.first_line + (mark.line if mark is not None else 0)
        what = error.problem or error.context or "it is not valid YAML"
        raise FrontMatterError(f"Line {line} of README.md is not valid YAML: {what}.") from error
    except yaml.YAMLError as error:
        what = str(getattr(error, "reason", error)).partition("\n")[0][:MAX_PROBLEM]
        raise FrontMatterError(
            f"The configuration block of README.md is not valid YAML: {what}."
        ) from error
    return reader.result()


def native(value: Any) -> Any:
    """The ordinary Python value of what `parse` gave, for keys that nobody knows."""
    if isinstance(value, dict):
        return {key: native(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [native(inner) for inner in value]
    if not isinstance(value, Plain):
        return value
    if value in _NULLS:
        return None
    if value in _BOOLS:
        return _BOOLS[value]
    if _INTEGER.fullmatch(value):
        return int(value)
    return float(value) if _FLOAT.fullmatch(value) else str(value)


class _Reader:
    """Builds the mapping from parser events, refusing what is not allowed as it comes."""

    def __init__(self, first_line: int) -> None:
        self._first_line = first_line
        self._nodes = 0
        self._documents = 0
        self._root: Any = None
        self._open: list[dict[str, Any] | list[Any]] = []
        self._keys: list[str | None] = []  # for each open mapping: the key that awaits its value

    def take(self, event: yaml.Event) -> None:
        if isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1 or event.version or event.tags:
                self._refuse(event, "it holds a directive or a second document")
        elif isinstance(event, yaml.AliasEvent):
            self._refuse(event, "aliases ('*name') are not allowed; write the value out")
        elif isinstance(event, yaml.NodeEvent):
            self._node(event)
        elif isinstance(event, yaml.CollectionEndEvent):
            self._open.pop()
            self._keys.pop()

    def result(self) -> dict[str, Any]:
        if self._root is None or (isinstance(self._root, Plain) and self._root in _NULLS):
            return {}
        if not isinstance(self._root, dict):
            raise FrontMatterError(
                "The configuration block of README.md must be 'key: value' lines."
            )
        return self._root

    def _node(self, event: yaml.NodeEvent) -> None:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            self._refuse(event, f"the block has more than {MAX_NODES} values")
        if event.anchor is not None:
            self._refuse(event, "anchors ('&name') are not allowed; write the value out")
        if getattr(event, "tag", None) is not None:
            self._refuse(event, "tags ('!name') are not allowed; remove the tag")
        if isinstance(event, yaml.ScalarEvent):
            plain = not event.style and bool(event.implicit[0])
            self._place(event, Plain(event.value) if plain else str(event.value))
            return
        opened: dict[str, Any] | list[Any] = {} if isinstance(event, yaml.MappingStartEvent) else []
        self._place(event, opened)
        self._open.append(opened)
        self._keys.append(None)
        if len(self._open) > MAX_DEPTH:
            self._refuse(event, f"it is nested deeper than {MAX_DEPTH} levels")

    def _place(self, event: yaml.Event, value: Any) -> None:
        if not self._open:
            self._root = value
            return
        holder = self._open[-1]
        if isinstance(holder, list):
            holder.append(value)
            return
        key = self._keys[-1]
        if key is None:
            self._keys[-1] = self._key(event, holder, value)
        else:
            holder[key] = value
            self._keys[-1] = None

    def _key(self, event: yaml.Event, holder: dict[str, Any], value: Any) -> str:
        if not isinstance(value, str) or not isinstance(native(value), str):
            self._refuse(event, "a key must be text")
        if isinstance(value, Plain) and value == "<<":
            self._refuse(event, "merge keys ('<<') are not allowed; write the values out")
        if value in holder:
            self._refuse(event, f"the key {str(value)[:60]!r} is there twice; keep one of them")
        return str(value)

    def _refuse(self, event: yaml.Event, why: str) -> None:
        line = self._first_line + (event.start_mark.line if event.start_mark else 0)
        raise FrontMatterError(f"Line {line} of README.md: {why}.")


_TOO_LARGE = f"The configuration block of README.md is larger than {MAX_BYTES // 1024} KiB."
_NO_END = "The configuration block of README.md is not closed; end it with a line of three dashes."
