"""Reading requirements files as pip does, leniently, without running anything.

Decides the one question that matters for isolation: can all of it be installed from wheels of a
trusted index, without running anybody's code? Then the environment may be shared between Spaces;
otherwise `private` says why not (contract: engine.md 6, security.md BLD-07).
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from builder.failed import BuildFailed
from builder.files import Read
from spaceport.cause import Cause

MAX_LINES = 5000
MAX_DEPTH = 8

_COMMENT = re.compile(r"(^|\s)#.*$")
_OPTION = re.compile(r"(--?[A-Za-z][A-Za-z-]*)(?:\s*=\s*|\s+|$)(.*)", re.DOTALL)
_SHORT_WITH_VALUE = re.compile(r"(-[rcife])(\S.*)")
_PER_REQUIREMENT = re.compile(r"\s+--(hash|config-settings?|global-option|install-option)\b.*$")
_INCLUDES = {"-r": "r", "--requirement": "r", "-c": "c", "--constraint": "c"}
_INDEXES = ("-i", "--index-url", "--extra-index-url")
_FIND_LINKS = ("-f", "--find-links")
_EDITABLE = ("-e", "--editable")
_SOURCES = ("--no-binary", "--no-index")
_PRERELEASE = ("--pre",)


@dataclass(frozen=True)
class Requirements:
    """What the files ask for, in the order of the files.

    `packages` are names with versions, extras and markers only, as `packaging` prints them.
    `others` (addresses, paths, options) are kept word for word, for a private installation.
    """

    packages: tuple[str, ...] = ()
    constraints: tuple[str, ...] = ()
    indexes: tuple[str, ...] = ()  # further, trusted ones
    prerelease: bool = False
    others: tuple[str, ...] = ()
    private: tuple[str, ...] = ()  # why it must not be shared; empty: it may be
    local: bool = False  # it depends on files of the repository
    ignored: tuple[str, ...] = ()  # options that have no effect here, for the log

    def names(self) -> dict[str, str]:
        """Canonical name → version specifier, of `packages`."""
        found = (Requirement(package) for package in self.packages)
        return {canonicalize_name(each.name): str(each.specifier) for each in found}


@dataclass
class _Found:
    read: Read
    trusted: Sequence[str]
    packages: list[str] = field(default_factory=list)
    constraints: list[str] = field(default_factory=list)
    indexes: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    private: list[str] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)
    prerelease: bool = False
    local: bool = False
    lines: int = 0


def read_requirements(
    file: str, read: Read, *, trusted_indexes: Sequence[str] = ()
) -> Requirements | None:
    """Read `file` and what it includes; None when there is no such file.

    Raises `BuildFailed` with BAD_REQUIREMENT that names file and line.
    """
    content = read(file)
    if content is None:
        return None
    found = _Found(read, trusted_indexes)
    _take_file(found, file, content, constraints=False, depth=0)
    return Requirements(
        packages=tuple(found.packages),
        constraints=tuple(found.constraints),
        indexes=tuple(dict.fromkeys(found.indexes)),
        prerelease=found.prerelease,
        others=tuple(found.others),
        private=tuple(dict.fromkeys(found.private)),
        local=found.local,
        ignored=tuple(dict.fromkeys(found.ignored)),
    )


def _bad(file: str, line: int, problem: str) -> BuildFailed:
    return BuildFailed.of(Cause.BAD_REQUIREMENT, file=file, problem=f"line {line}: {problem}")


def logical_lines(file: str, content: bytes) -> Iterator[tuple[int, str]]:
    """Lines with their number, continuations joined, comments and blank lines gone."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        bad = content[: error.start].count(b"\n") + 1
        raise _bad(file, bad, "it is not UTF-8 text.") from error
    held, start = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        start = start or number
        if line.endswith("\\"):
            held += line[:-1] + " "
            continue
        whole = _COMMENT.sub("", held + line).strip()
        if whole:
            yield start, whole
        held, start = "", 0
    if held.strip():
        yield start, held.strip()


def _take_file(found: _Found, file: str, content: bytes, *, constraints: bool, depth: int) -> None:
    for number, line in logical_lines(file, content):
        found.lines += 1
        if found.lines > MAX_LINES:
            raise _bad(file, number, f"more than {MAX_LINES} lines in all.")
        if line.startswith("-"):
            _take_option(found, file, number, line, constraints=constraints, depth=depth)
        else:
            _take_package(found, file, number, line, constraints=constraints)


def _take_option(
    found: _Found, file: str, number: int, line: str, *, constraints: bool, depth: int
) -> None:
    match = _SHORT_WITH_VALUE.fullmatch(line) or _OPTION.fullmatch(line)
    if match is None:
        raise _bad(file, number, f"{line!r} is not an option.")
    option, value = match.group(1), match.group(2).strip().strip("\"'")
    if option in _INCLUDES:
        as_constraints = constraints or _INCLUDES[option] == "c"
        _include(found, file, number, value, constraints=as_constraints, depth=depth)
    elif option in _INDEXES:
        _take_index(found, line, value)
    elif option in _PRERELEASE:
        found.prerelease = True
    elif option in _EDITABLE:
        found.local = found.local or "://" not in value
        _private(found, line, f"'{line}' runs code of the package while it installs")
    elif option in _FIND_LINKS or option in _SOURCES:
        found.local = found.local or (option in _FIND_LINKS and "://" not in value)
        _private(found, line, f"'{line}' asks for packages that are not wheels of the index")
    else:
        found.ignored.append(option)


def _include(
    found: _Found, file: str, number: int, value: str, *, constraints: bool, depth: int
) -> None:
    path = posixpath.normpath(posixpath.join(posixpath.dirname(file), value))
    if path.startswith(("..", "/")) or "://" in value:
        raise _bad(file, number, f"{value!r} is not a file of the repository.")
    content = found.read(path)
    if content is None:
        raise _bad(file, number, f"there is no file {path!r} in the repository.")
    if depth >= MAX_DEPTH:
        raise _bad(file, number, "the files include each other too deeply.")
    _take_file(found, path, content, constraints=constraints, depth=depth + 1)


def _take_index(found: _Found, line: str, value: str) -> None:
    if any(value.startswith(prefix) for prefix in found.trusted):
        found.indexes.append(value)
    else:
        _private(found, line, "it names a package index of its own")


def _take_package(found: _Found, file: str, number: int, line: str, *, constraints: bool) -> None:
    bare = _PER_REQUIREMENT.sub("", line).strip()
    if _is_address(bare):
        found.local = found.local or "://" not in bare
        _private(found, bare, f"'{_shown(bare)}' is not a package of the index")
        return
    try:
        requirement = Requirement(bare)
    except InvalidRequirement as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise _bad(file, number, f"{_shown(bare)!r}: {reason}.") from error
    if requirement.url:
        found.local = found.local or requirement.url.startswith(("file:", ".", "/"))
        _private(found, bare, f"'{_shown(bare)}' is not a package of the index")
    else:
        (found.constraints if constraints else found.packages).append(str(requirement))


def _is_address(line: str) -> bool:
    first = re.split(r"[\s\[;]", line, maxsplit=1)[0]
    return "://" in first or first.startswith((".", "/")) or first.endswith((".whl", ".tar.gz"))


def _private(found: _Found, line: str, why: str) -> None:
    found.others.append(line)
    found.private.append(why)


def _shown(text: str) -> str:
    """Without the user and password that an address may hold, and not too long."""
    return re.sub(r"(://)[^/@\s]*@", r"\1", text)[:120]
