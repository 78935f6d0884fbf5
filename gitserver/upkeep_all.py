"""Maintenance of every repository, one after the other: the git part of `spaceport gc`.

May run beside a server, beside itself, and be killed at any moment (see `upkeep`). A repository
that is busy, or that cannot be read, is passed over and named; the others are looked after.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from gitserver.objects.entry import BadObject
from gitserver.pack.file import PackDamaged
from gitserver.pack.parse import Malformed
from gitserver.pack.store import ObjectMissing
from gitserver.repositories import Repositories
from gitserver.upkeep import GRACE, maintain
from gitserver.upload.catalog import cache_name
from spaceport.errors import NotFound, SpaceportError
from spaceport.names import SpaceKey

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Tally:
    """What was done to all repositories. `freed`: bytes on disk, negative if more are used."""

    repositories: int = 0
    packs_before: int = 0
    packs_after: int = 0
    dropped: int = 0
    freed: int = 0
    postponed: tuple[SpaceKey, ...] = ()
    """Repositories in which something is left to do, since a push was being checked."""

    failed: tuple[SpaceKey, ...] = ()
    """Repositories that could not be read or written; the log says why."""


def keep_all(
    repositories: Repositories,
    cache: Path,
    *,
    grace: float = GRACE,
    tell: Callable[[SpaceKey], None] = lambda key: None,
) -> Tally:
    """Join packs, drop what nothing has reached for `grace` seconds, fold loose objects and refs.

    `cache`: the folder of the upload service, where it is noted what new packs are exact for.
    """
    tally = Tally()  # no sweep: a push that begins now would lose its quarantine
    for key in list(repositories.keys()):
        tell(key)
        tally = _keep(tally, repositories, key, cache, grace)
    return tally


def _keep(
    tally: Tally, repositories: Repositories, key: SpaceKey, cache: Path, grace: float
) -> Tally:
    path = repositories.path(key)
    incoming, _ = repositories.scratch(key)
    before = _bytes(path)
    try:
        done = maintain(path, incoming, proofs=cache / cache_name(path), grace=grace, full=True)
    except NotFound:
        return tally  # deleted meanwhile
    except (OSError, BadObject, ObjectMissing, PackDamaged, Malformed, SpaceportError) as error:
        _log.error("the repository %s was not maintained: %s", key, error)
        count = tally.repositories + 1
        return replace(tally, repositories=count, failed=(*tally.failed, key))
    return replace(
        tally,
        repositories=tally.repositories + 1,
        packs_before=tally.packs_before + done.packs_before,
        packs_after=tally.packs_after + done.packs_after,
        dropped=tally.dropped + done.dropped,
        freed=tally.freed + before - _bytes(path),
        postponed=(*tally.postponed, key) if done.postponed else tally.postponed,
    )


def _bytes(repository: Path) -> int:
    total = 0
    for file in (repository / "objects").rglob("*"):
        try:
            total += file.stat().st_size
        except OSError:  # it went meanwhile
            continue
    return total
