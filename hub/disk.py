"""What a Space takes on the server's disk, part by part.

Repository, large files and builds lie in the data folder; images are the engine's, so they are
counted and not measured. What several Spaces use is told with how many others use it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from sqlalchemy import Text, cast, select

from gitserver.receive.store import size_on_disk
from hub.context import HubContext
from spaceport.artifact import ArtifactKind
from spaceport.ledger import Tx, large, releases, spaces
from spaceport.ledger.releases import Release
from spaceport.ledger.tables import releases as release_rows
from spaceport.names import SpaceKey

HISTORY = 1000
ENVIRONMENTS = "environments/"


@dataclass(frozen=True)
class Part:
    """`bytes` None: not measured. `shared`: other Spaces that use something of it."""

    name: str
    bytes: int | None
    count: int = 0
    shared: int = 0


@dataclass(frozen=True)
class Disk:
    parts: tuple[Part, ...]

    @property
    def own(self) -> int:
        """Bytes that are there for this Space alone."""
        return sum(part.bytes or 0 for part in self.parts if not part.shared)


def disk_of(context: HubContext, key: SpaceKey) -> Disk:
    """Measure it; blocks. A preview has no repository and no large files of its own."""
    with context.ledger.read() as tx:
        space = spaces.get(tx, key)
        kept = [one for one in releases.history(tx, key, HISTORY) if one.dropped_at is None]
        names = _environments(kept)
        shared = _others(tx, key, names)
        held = large.used(tx, key)
        below = spaces.preview_keys(tx, key)
    images = {one.artifact.image for one in kept if one.artifact.kind is ArtifactKind.IMAGE}
    data = context.data
    parts = [
        Part("releases", _folders(data, [key], "checkouts"), len(kept)),
        Part(
            "environments",
            sum(_frozen_size(str(data / name)) for name in names),
            len(names),
            shared,
        ),
        Part("images", None, len(images)),
        Part("logs", _folders(data, [key], "logs")),
    ]
    if space.parent_key is None:
        previews = _folders(data, below, "checkouts") + _folders(data, below, "logs")
        parts = [
            Part("repository", size_on_disk(context.repositories.path(key) / "objects")),
            Part("large files", held),
            *parts,
            Part("previews", previews, len(below)),
        ]
    return Disk(tuple(parts))


def _environments(kept: list[Release]) -> list[str]:
    """Relative to the data folder; releases of the same requirements have the same one."""
    sources = {mount.source for one in kept for mount in one.artifact.mounts}
    return sorted(source for source in sources if source.startswith(ENVIRONMENTS))


def _others(tx: Tx, key: SpaceKey, names: list[str]) -> int:
    """How many other Spaces have a release with one of these environments."""
    found = set[str]()
    for name in names:
        query = select(release_rows.c.space_key).where(
            release_rows.c.dropped_at.is_(None),
            release_rows.c.space_key != key,
            cast(release_rows.c.artifact, Text).contains(name, autoescape=True),
        )
        found |= set(tx.execute(query.group_by(release_rows.c.space_key)).scalars())
    return len(found)


def _folders(data: Path, keys: list[SpaceKey], kind: str) -> int:
    """What removing them would free: a large file that is linked from the store stays there."""
    return sum(_size(data / kind / key, linked=False) for key in keys)


@lru_cache(maxsize=256)
def _frozen_size(folder: str) -> int:
    """An environment never changes once it is there."""
    return _size(Path(folder), linked=True)


def _size(folder: Path, *, linked: bool) -> int:
    total, waiting = 0, [os.fspath(folder)]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                        continue
                    status = entry.stat(follow_symlinks=False)
                    total += status.st_size if linked or status.st_nlink == 1 else 0
        except OSError:
            continue  # it goes while it is measured, or was never there
    return total
