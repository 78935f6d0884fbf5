"""The instructions of a Dockerfile with their lines (Docker's Dockerfile reference, "Format").

Continuation lines are joined, comments dropped, here-documents kept with their instruction.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass

from builder.failed import BuildFailed
from spaceport.cause import Cause

MAX_INSTRUCTIONS = 1000

_DIRECTIVE = re.compile(r"#\s*([a-zA-Z]+)\s*=\s*(.+?)\s*")
_HEREDOC = re.compile(r"<<(-?)([\"']?)([A-Za-z_][A-Za-z0-9_.]*)\2")
_KNOWN = frozenset(
    """ADD ARG CMD COPY ENTRYPOINT ENV EXPOSE FROM HEALTHCHECK LABEL MAINTAINER ONBUILD RUN SHELL
    STOPSIGNAL USER VOLUME WORKDIR""".split()
)
_TAKES_HEREDOCS = ("RUN", "COPY", "ADD")
_FLAG = re.compile(r"--[a-z][a-z-]*(?:=(?:\"[^\"]*\"|'[^']*'|\S)*)?(?=\s|$)")


@dataclass(frozen=True)
class Instruction:
    """`text` is all behind the name, on one line; flags are those `--name=value` it begins with."""

    line: int  # the first, counted from 1
    last: int
    name: str  # upper case
    text: str
    heredoc: tuple[str, ...] = ()  # the lines of its here-documents, with their ends

    @property
    def flags(self) -> tuple[tuple[str, str], ...]:
        return tuple(_split_flag(word) for word in _flag_words(self.text))

    @property
    def rest(self) -> str:
        """The text behind the flags."""
        text = self.text
        for word in _flag_words(text):
            text = text.lstrip()[len(word) :]
        return text.lstrip()

    def words(self) -> list[str]:
        """The rest as words, quotes removed."""
        try:
            return shlex.split(self.rest)
        except ValueError:
            return self.rest.split()

    def onbuild(self) -> Instruction | None:
        """The instruction that an ONBUILD holds."""
        if self.name != "ONBUILD":
            return None
        name, _, text = self.text.strip().partition(" ")
        return Instruction(self.line, self.last, name.upper(), text.strip(), self.heredoc)


@dataclass(frozen=True)
class Dockerfile:
    lines: tuple[str, ...]
    instructions: tuple[Instruction, ...]
    syntax: tuple[int, str] | None = None  # line and value of the `# syntax=` directive


def refuse(line: int, problem: str) -> BuildFailed:
    """The error for a line that cannot be built here."""
    return BuildFailed.of(Cause.DOCKERFILE_ERROR, problem=f"line {line}: {problem}")


def parse(text: str) -> Dockerfile:
    """Raises `BuildFailed` with DOCKERFILE_ERROR for what no builder would take."""
    lines = tuple(text.removeprefix("\ufeff").splitlines())
    directives = _directives(lines)
    escape = directives.get("escape", (0, "\\"))[1]
    if escape not in ("\\", "`"):
        raise refuse(directives["escape"][0], "the escape directive must be \\ or `.")
    found: list[Instruction] = []
    at = 0
    while at < len(lines):
        if not lines[at].strip() or lines[at].lstrip().startswith("#"):
            at += 1
            continue
        instruction = _instruction(lines, at, escape)
        if instruction.name not in _KNOWN:
            raise refuse(instruction.line, f"unknown instruction {instruction.name[:40]}.")
        found.append(instruction)
        at = instruction.last
        if len(found) > MAX_INSTRUCTIONS:
            raise refuse(instruction.line, f"more than {MAX_INSTRUCTIONS} instructions.")
    if not any(each.name == "FROM" for each in found):
        raise refuse(1, "there is no FROM instruction.")
    return Dockerfile(lines, tuple(found), directives.get("syntax"))


def _directives(lines: tuple[str, ...]) -> dict[str, tuple[int, str]]:
    """Directives only count at the very top, before any other comment or line."""
    found: dict[str, tuple[int, str]] = {}
    for number, line in enumerate(lines, 1):
        match = _DIRECTIVE.fullmatch(line.strip())
        if match is None or match.group(1).lower() in found:
            break
        found[match.group(1).lower()] = (number, match.group(2))
    return found


def _instruction(lines: tuple[str, ...], start: int, escape: str) -> Instruction:
    joined, at = "", start
    while at < len(lines):
        line = lines[at]
        at += 1
        if at - 1 > start and (not line.strip() or line.lstrip().startswith("#")):
            continue  # within an instruction comments and blank lines are passed over
        if line.rstrip().endswith(escape):
            joined += line.rstrip()[: -len(escape)]
            continue
        joined += line
        break
    name, _, text = joined.strip().partition(" ")
    if "\t" in name:
        name, _, text = joined.strip().partition("\t")
    body: list[str] = []
    if name.upper() in _TAKES_HEREDOCS:
        at = _take_heredocs(lines, start, at, text, body)
    return Instruction(start + 1, at, name.upper(), text.strip(), tuple(body))


def _take_heredocs(lines: tuple[str, ...], start: int, at: int, text: str, body: list[str]) -> int:
    for dash, _, word in _HEREDOC.findall(text):
        while True:
            if at >= len(lines):
                raise refuse(start + 1, f"the here-document {word} has no end.")
            body.append(lines[at])
            line = lines[at].lstrip("\t") if dash else lines[at]
            at += 1
            if line == word:
                break
    return at


def _flag_words(text: str) -> list[str]:
    found = []
    text = text.lstrip()
    while match := _FLAG.match(text):
        found.append(match.group())
        text = text[match.end() :].lstrip()
    return found


def _split_flag(word: str) -> tuple[str, str]:
    name, _, value = word.partition("=")
    if len(value) >= 2 and value[0] in "\"'" and value[-1] == value[0]:
        value = value[1:-1]
    return name, value
