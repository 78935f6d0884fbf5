"""What a ref was before: the log that `git reflog` shows (`core.logAllRefUpdates`)."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path

from gitserver.plain.find import Found
from gitserver.plain.refs import RefChange
from gitserver.plain.rules import Checks
from spaceport.push import ZERO

_LOGGED = ("refs/heads/", "refs/remotes/", "refs/notes/")
_MESSAGE = "push"


def write_logs(
    found: Found, change: RefChange, checks: Checks, who: str, heads: list[Path]
) -> None:
    """Add a line to the log of a ref, and of each HEAD (`heads`: their folders) that names it; the
    log of a ref that goes, goes too. `who`: `Name <mail>`. Raises `OSError`."""
    log = found.common / "logs" / change.ref
    if change.new == ZERO:
        log.unlink(missing_ok=True)
        _drop_empty(log.parent, found.common / "logs")
    elif log.is_file() or _wanted(change.ref, checks):
        _append(log, change, who)
    for folder in heads:
        head = folder / "logs" / "HEAD"
        if head.is_file() or _wanted("HEAD", checks):
            _append(head, change, who)


def _wanted(name: str, checks: Checks) -> bool:
    if checks.log_refs == "always":
        return True
    wanted = checks.log_refs == "true" or (not checks.log_refs and checks.tree is not None)
    return wanted and (name == "HEAD" or name.startswith(_LOGGED))


def _append(log: Path, change: RefChange, who: str) -> None:
    stamp = time.localtime()
    line = (
        f"{change.old} {change.new} {who} {int(time.mktime(stamp))} "
        f"{time.strftime('%z', stamp)}\t{_MESSAGE}\n"
    )
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as out:
        out.write(line.encode("utf-8", "surrogateescape"))


def _drop_empty(folder: Path, top: Path) -> None:
    while top in folder.parents:
        with suppress(OSError):
            os.rmdir(folder)  # noqa: PTH106
            folder = folder.parent
            continue
        return
