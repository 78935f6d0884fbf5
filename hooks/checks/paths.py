"""Names of files that are dangerous, or that do not survive on every machine.

What git itself must never store (`.git` in any spelling, `..`, NUL) is refused earlier, by the git
server's own check of trees (GIT-10).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable

from hooks.checks.verdict import FINE, Verdict, listed, refuse_all
from hooks.incoming import Brought, NewFolder
from spaceport.push import Push

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_INVISIBLE = re.compile(r"[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_DEVICE = re.compile(r"(?i)(con|prn|aux|nul|com[1-9]|lpt[1-9])(\..*)?")


def check_paths(push: Push, new: Brought) -> Verdict:
    """Refuse names with control characters; tell of names that some systems cannot keep."""
    bad = [path for path, name in _named(new.folders) if _CONTROL.search(name)]
    if bad:
        text = (
            "These names hold control characters, which hide what a terminal or a page shows:\n"
            f"{listed(bad)}\nRename them with 'git mv' and push again."
        )
        return refuse_all(push, "file names with control characters", text)
    return Verdict(warnings=_warnings(new)) if new.folders else FINE


def _warnings(new: Brought) -> tuple[str, ...]:
    found = []
    for what, paths in (
        ("differ only in upper and lower case, so macOS and Windows keep one of them",
         _collisions(new.folders)),
        ("cannot exist on Windows",
         [path for path, name in _named(new.folders)
          if _DEVICE.fullmatch(name) or name.endswith((".", " "))]),
        ("hold invisible characters",
         [path for path, name in _named(new.folders) if _INVISIBLE.search(name)]),
    ):  # fmt: skip
        if paths:
            found.append(f"These names {what}:\n{listed(dict.fromkeys(paths))}")
    return tuple(found)


def _collisions(folders: Iterable[NewFolder]) -> list[str]:
    found: list[str] = []
    for folder in folders:
        alike: dict[str, list[str]] = defaultdict(list)
        for name in folder.names:
            alike[name.casefold()].append(name)
        found += [_join(folder, name) for names in alike.values() if len(names) > 1
                  for name in names]  # fmt: skip
    return found


def _named(folders: Iterable[NewFolder]) -> Iterable[tuple[str, str]]:
    for folder in folders:
        for name in folder.names:
            yield _join(folder, name), name


def _join(folder: NewFolder, name: str) -> str:
    return f"{folder.path}/{name}" if folder.path else name
