"""git's configuration, read as git reads it (git-config(1)): files, includes, what comes last wins.

Nothing is remembered: a repository's configuration may change between two requests.
"""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from gitserver.receive.fsck.gitmodules import parse_config
from spaceport.errors import Unavailable

_MAX_DEPTH = 10
_MAX_BYTES = 4 << 20
_TRUE = frozenset(("true", "yes", "on"))
_FALSE = frozenset(("false", "no", "off", ""))
_NUMBER = re.compile(r"([+-]?[0-9]{1,18})([kmgKMG]?)")
_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}

Setting = tuple[str, str | None]
"""`section.subsection.key`, all but the subsection in lower case, and its value; None is true."""


class BadConfig(Unavailable):
    """Raised for a configuration that git could not use either; says which setting."""


class GitConfig:
    """All settings that hold, in the order in which they were read."""

    def __init__(self, settings: Iterable[Setting]) -> None:
        self._settings = tuple(settings)

    def all(self, *names: str) -> list[Setting]:
        """Every value of these settings, in the order in which they stand in the files."""
        wanted = {name.lower() for name in names}
        return [(name, value) for name, value in self._settings if name in wanted]

    def text(self, name: str, default: str = "") -> str:
        found = self._last(name)
        return default if found is None else found[1] or ""

    def has(self, name: str) -> bool:
        return self._last(name) is not None

    def flag(self, name: str, default: bool) -> bool:
        """A truth value. Raises `BadConfig` for what is none."""
        found = self._last(name)
        return default if found is None else truth(name, found[1])

    def number(self, name: str, default: int) -> int:
        """A number with `k`, `m` or `g`. Raises `BadConfig`."""
        found = self._last(name)
        if found is None:
            return default
        match = _NUMBER.fullmatch((found[1] or "").strip())
        if match is None:
            raise BadConfig(f"bad numeric config value '{found[1]}' for '{name}'")
        return int(match[1]) * _UNITS[match[2].lower()]

    def below(self, section: str) -> dict[str, str | None]:
        """The last value of each `section.*`, by what follows the section, in lower case."""
        start = f"{section.lower()}."
        return {
            name.removeprefix(start).lower(): value
            for name, value in self._settings
            if name.lower().startswith(start)
        }

    def _last(self, name: str) -> Setting | None:
        name = name.lower()
        return next((found for found in reversed(self._settings) if found[0] == name), None)


def truth(name: str, value: str | None) -> bool:
    """A truth value as git writes it. Raises `BadConfig`."""
    text = "true" if value is None else value.strip().lower()
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    match = _NUMBER.fullmatch(text)
    if match is None:
        raise BadConfig(f"bad boolean config value '{value}' for '{name}'")
    return int(match[1]) != 0


def read_config(
    git_dir: Path, common: Path, environment: Mapping[str, str] = os.environ
) -> GitConfig:
    """The configuration of a repository, with the system's and the user's. Raises `BadConfig`."""
    here = _Here(git_dir)
    own = list(_read(common / "config", here))
    if GitConfig(own).flag("extensions.worktreeconfig", False):
        own += _read(git_dir / "config.worktree", here)
    before = [found for file in _user_files(environment) for found in _read(file, here)]
    return GitConfig([*before, *own, *_given(environment)])


def protected_config(environment: Mapping[str, str] = os.environ) -> GitConfig:
    """What does not come from a repository: system, user, and the environment that started us."""
    files = [found for file in _user_files(environment) for found in _read(file, _Here())]
    return GitConfig([*files, *_given(environment)])


def _user_files(environment: Mapping[str, str]) -> Iterator[Path]:
    if not _is_set(environment, "GIT_CONFIG_NOSYSTEM"):
        yield Path(environment.get("GIT_CONFIG_SYSTEM", "/etc/gitconfig"))
    if "GIT_CONFIG_GLOBAL" in environment:
        yield Path(environment["GIT_CONFIG_GLOBAL"])
        return
    home = environment.get("HOME", "")
    if "XDG_CONFIG_HOME" in environment:
        yield Path(environment["XDG_CONFIG_HOME"], "git/config")
    elif home:
        yield Path(home, ".config/git/config")
    if home:
        yield Path(home, ".gitconfig")


def _is_set(environment: Mapping[str, str], name: str) -> bool:
    return environment.get(name, "").lower() not in ("", "0", "false", "no", "off")


def _given(environment: Mapping[str, str]) -> Iterator[Setting]:
    """GIT_CONFIG_COUNT, GIT_CONFIG_KEY_n and GIT_CONFIG_VALUE_n."""
    count = environment.get("GIT_CONFIG_COUNT", "")
    for number in range(int(count) if count.isdigit() else 0):
        name = environment.get(f"GIT_CONFIG_KEY_{number}", "")
        if "." in name:
            yield _normal(name), environment.get(f"GIT_CONFIG_VALUE_{number}", "")


def _normal(name: str) -> str:
    section, _, rest = name.partition(".")
    middle, dot, key = rest.rpartition(".")
    return f"{section.lower()}.{middle}{dot}{key.lower()}"


class _Here:
    """Where a file is read for: conditions of includes look at it."""

    def __init__(self, git_dir: Path | None = None) -> None:
        self.git_dir = git_dir

    def holds(self, condition: str, file: Path) -> bool:
        """`gitdir:`, `gitdir/i:` and `onbranch:`; whatever else is not known is not so."""
        kind, _, pattern = condition.partition(":")
        if self.git_dir is None or not pattern:
            return False
        if kind == "onbranch":
            head = _text_of(self.git_dir / "HEAD").removeprefix("ref: refs/heads/").strip()
            return fnmatch.fnmatchcase(head, pattern + ("**" if pattern.endswith("/") else ""))
        if kind not in ("gitdir", "gitdir/i"):
            return False
        pattern = _expand(pattern)
        if pattern.startswith("./"):
            pattern = f"{file.parent}{pattern[1:]}"
        elif not pattern.startswith("/"):
            pattern = f"**/{pattern}"
        pattern += "**" if pattern.endswith("/") else ""
        where = [str(self.git_dir), str(self.git_dir.resolve())]
        if kind == "gitdir/i":
            pattern, where = pattern.lower(), [path.lower() for path in where]
        return any(fnmatch.fnmatchcase(path, pattern) for path in where)


def _read(file: Path, here: _Here, depth: int = 0) -> Iterator[Setting]:
    if depth > _MAX_DEPTH:
        raise BadConfig(f"exceeded maximum include depth ({_MAX_DEPTH}) at {file.name}")
    text = _text_of(file)
    try:
        found = list(parse_config(text))
    except ValueError as error:
        raise BadConfig(f"bad config in file {file.name}: {error}") from None
    for section, name, key, value in found:
        full = f"{section}.{key}" if name is None else f"{section}.{name}.{key}"
        yield full, value
        include = section == "include" and name is None
        if section == "includeif" and name is not None:
            include = here.holds(name, file)
        if include and key == "path" and value:
            yield from _read(file.parent / _expand(value), here, depth + 1)


def _expand(path: str) -> str:
    return os.path.expanduser(path) if path.startswith("~") else path  # noqa: PTH111


def _text_of(file: Path) -> str:
    try:
        with file.open("rb") as source:
            return source.read(_MAX_BYTES).decode("utf-8", "surrogateescape")
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return ""
    except PermissionError:
        raise BadConfig(f"{file.name} cannot be read") from None
