"""Printing and following a log, straight from its file: the server need not run."""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Literal

from hub.context import HubContext
from spaceport import logbook
from spaceport.errors import NotFound
from spaceport.ledger.logs import (
    build_ended,
    build_to_come,
    newest_build,
    newest_replica,
    previous_build,
    previous_replica,
    replica_ended,
)
from spaceport.ledger.spaces import Space
from spaceport.logbook import LogEntry
from spaceport.names import SpaceKey

Kind = Literal["build", "run"]
LOOK_EVERY = 0.2
QUEUED_WITHIN = 10.0
"""Seconds in which a running server has queued the build of a push; then the last log is shown."""


def show_log(
    context: HubContext, space: Space, kind: Kind, *, follow: bool, previous: bool = False
) -> None:
    """Print what there is; with `follow` also what comes, until build or app has ended; with
    `previous` that of the one before.

    Raises `NotFound` when there is no log and nobody waits for one.
    """
    if previous:
        before = previous_build if kind == "build" else previous_replica
        with context.ledger.read() as tx:
            found = before(tx, space.key)
        if found is None:
            raise NotFound(f"{space.id} has no {kind} before the newest one.")
        _print_file(context, space.key, kind, found)
        return
    if follow:
        asyncio.run(_follow(context, space.key, kind))
        return
    subject = _read(context, space.key, kind)
    if subject is None:
        what = "has not been built" if kind == "build" else "has not run"
        raise NotFound(f"{space.id} {what} yet.", hint="Add -f to wait for it.")
    _print_file(context, space.key, kind, subject)


def _print_file(context: HubContext, key: SpaceKey, kind: Kind, subject: str) -> None:
    for entry in logbook.read(logbook.log_path(context.data, key, kind, subject)):
        _print(entry)


async def _follow(context: HubContext, key: SpaceKey, kind: Kind) -> None:
    if kind == "build":
        await _build_of_newest_push(context, key)
    while (subject := _read(context, key, kind)) is None:  # noqa: ASYNC110
        await asyncio.sleep(LOOK_EVERY)  # the server, another process, will write it

    def ended() -> bool:
        over = build_ended if kind == "build" else replica_ended
        with context.ledger.read() as tx:
            return over(tx, subject)

    path = logbook.log_path(context.data, key, kind, subject)
    async for entry in logbook.follow(path, ended):
        _print(entry)


async def _build_of_newest_push(context: HubContext, key: SpaceKey) -> None:
    """Whoever follows right after a push means the build of that push, not the one before."""

    def to_come() -> bool:
        with context.ledger.read() as tx:
            return build_to_come(tx, key)

    until = time.monotonic() + QUEUED_WITHIN
    while to_come() and time.monotonic() < until:  # noqa: ASYNC110, written by another process
        await asyncio.sleep(LOOK_EVERY)


def _read(context: HubContext, key: SpaceKey, kind: Kind) -> str | None:
    newest = newest_build if kind == "build" else newest_replica
    with context.ledger.read() as tx:
        return newest(tx, key)


def _print(entry: LogEntry) -> None:
    """Log lines are free of control sequences already (`spaceport.terminal`)."""
    sys.stdout.write(entry.data)
    sys.stdout.flush()
