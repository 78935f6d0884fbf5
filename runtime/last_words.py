"""Reading the last lines that an app wrote: which exception, which module, which file; pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from spaceport.terminal import clean_line, without_colours

MOST = 300  # characters of a problem that are told
POINTER_LINE = "version https://git-lfs.github.com/spec/v1"

_TRACEBACK = re.compile(r"([\s|+]*)(?:Exception Group )?Traceback \(most recent call last\):")
_RAISED = re.compile(r"[A-Za-z_][\w.]*(?::.*)?$")  # what may follow the frames of a traceback
_EXCEPTION = re.compile(
    r"(?:Uncaught )?(?:[A-Za-z_]\w*\.)*\w*(?:Error|Exception|NotFound)(?: \[\w+\])?(?::.*)?$"
)
_MESSAGE = re.compile(r"(?:panic|fatal error|FATAL|fatal|Error|error|ERROR|Fatal)\b[: ]")
_NO_MODULE = re.compile(r"ModuleNotFoundError: No module named '?([\w.]+)'?")
_MISSING_EXTRA = re.compile(r"ImportError: Missing optional dependency '([\w.-]+)'")
_LIBRARY = re.compile(r"(?:ImportError|OSError): (lib[\w.+-]+\.so[.\d]*): cannot open shared")
_FRAME = re.compile(r'\s*(?:[|+]\s*)?File "([^"]+)", line (\d+)')
_SYNTAX = re.compile(r"(SyntaxError|IndentationError|TabError): (.*)")
_POINTER_SIGNS = (
    re.compile(r"UnpicklingError: invalid load key, 'v'"),
    re.compile(r"HeaderTooLarge|header too large", re.IGNORECASE),
    re.compile(r"git-lfs\.github\.com/spec"),
    re.compile(r"You might be trying to read a Git ?LFS pointer|Git LFS (?:file|pointer)", re.I),
)
_FILE_NAME = re.compile(r"""['"]((?:[\w@./-]*/)?[\w@-][\w@.-]*\.(\w{2,12}))['"]""")
_CODE_ENDINGS = frozenset("py pyc so js ts com org io html htm md txt toml cfg".split())
_OUT_OF_MEMORY = re.compile(
    r"(?:^|[\s.])(?:_?Array)?MemoryError\b|JavaScript heap out of memory|std::bad_alloc"
)
_MISSING_COMMAND = re.compile(
    r"executable file not found|command not found|: not found$|no such file or directory"
    r"|permission denied|exec format error|is a directory",
    re.IGNORECASE,
)
_APP_FOLDERS = ("/home/user/app/", "/app/", "/usr/src/app/", "/workspace/")


@dataclass(frozen=True)
class SyntaxMistake:
    file: str
    line: int
    problem: str


def short(text: str) -> str:
    """One line without escapes, at most `MOST` characters."""
    line = " ".join(without_colours(clean_line(part)) for part in text.split("\n")).strip()
    return line if len(line) <= MOST else line[: MOST - 1] + "…"


def problem(words: Sequence[str]) -> str:
    """The line that tells most: the last exception, else an error, else the last line of all."""
    lines = [line for line in _plain(words) if line.strip()]
    if not lines:
        return ""
    found = _last_exception(lines) or _last_message(lines) or lines[-1]
    return short(found)


def missing_module(words: Sequence[str]) -> str | None:
    """The module of a ModuleNotFoundError that ended the app."""
    last = _last_exception(_plain(words)) or ""
    found = _NO_MODULE.search(last) or _MISSING_EXTRA.search(last)
    return found[1] if found else None


def missing_library(words: Sequence[str]) -> str | None:
    found = _LIBRARY.search(_last_exception(_plain(words)) or "")
    return found[1] if found else None


def syntax_error(words: Sequence[str]) -> SyntaxMistake | None:
    """The last exception, if it is one of Python's reader; `file` relative to the app."""
    lines = _plain(words)
    at = _index_of_last_exception(lines)
    found = None if at is None else _SYNTAX.search(lines[at])
    if at is None or found is None:
        return None
    frames = [frame for line in lines[:at] if (frame := _FRAME.match(line))]
    if not frames:
        return None
    return SyntaxMistake(_in_app(frames[-1][1]), int(frames[-1][2]), short(found[2]))


def lfs_pointer(words: Sequence[str]) -> str | None:
    """The file that was read as a pointer, as far as the lines tell; None when nothing says so."""
    lines = _plain(words)[-40:]
    signs = [at for at, line in enumerate(lines) if any(s.search(line) for s in _POINTER_SIGNS)]
    if not signs:
        return None
    at = signs[-1]
    for line in [lines[at], *reversed(lines[:at])]:
        if _FRAME.match(line):
            continue
        for name, ending in reversed(_FILE_NAME.findall(line)):
            if ending.lower() not in _CODE_ENDINGS and not ending.isdigit():
                return _in_app(str(name))
    return "a file"


def ran_out_of_memory(words: Sequence[str]) -> bool:
    """Whether the program itself said that it got no more memory, as the last thing it said."""
    return any(_OUT_OF_MEMORY.search(line) for line in _plain(words)[-8:])


def command_is_missing(text: str) -> bool:
    """Whether a shell, an init or the engine says that a program cannot be executed."""
    return bool(_MISSING_COMMAND.search(text))


def _plain(words: Sequence[str]) -> list[str]:
    return [without_colours(clean_line(line)).rstrip() for line in words]


def _last_exception(lines: Sequence[str]) -> str | None:
    at = _index_of_last_exception(lines)
    return None if at is None else lines[at].strip().lstrip("|+ ")


def _index_of_last_exception(lines: Sequence[str]) -> int | None:
    """Where the exception line is: the first below the frames of the last traceback.

    A message of several lines may hold more that look like one. Without a traceback (a syntax
    error of the script itself, Node.js) it is the last line that looks like one.
    """
    for start in range(len(lines) - 1, -1, -1):
        head = _TRACEBACK.match(lines[start])
        if head is None:
            continue
        margin = len(head[1])
        for at in range(start + 1, len(lines)):
            text = lines[at][margin:] if margin else lines[at]
            if _RAISED.match(text):
                return at
        break
    found = [at for at, line in enumerate(lines) if _EXCEPTION.match(line)]
    return found[-1] if found else None


def _last_message(lines: Sequence[str]) -> str | None:
    return next((line.strip() for line in reversed(lines[-30:]) if _MESSAGE.search(line)), None)


def _in_app(path: str) -> str:
    for folder in _APP_FOLDERS:
        if path.startswith(folder):
            return path.removeprefix(folder)
    return path
