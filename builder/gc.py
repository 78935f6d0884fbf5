"""Removing what no Space can use any more: environments, checkouts, images (BLD-18).

Kept is what the newest release and build of each Space, its live release and the last few versions
that ran name; also what a replica still runs from. Everything else is only a cache. A release that
is not kept is noted as such before its files go, so that nobody rolls back to it meanwhile.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from builder.folders import discard, is_plain
from builder.image import SPACE_TAG
from builder.places import Places
from spaceport.artifact import Artifact, ArtifactKind
from spaceport.engine import Engine, EngineDown, EngineRefused
from spaceport.ledger import Ledger, builds, releases, replicas, spaces
from spaceport.ledger.database import Tx
from spaceport.ledger.releases import Release
from spaceport.names import SpaceKey, new_key
from spaceport.states import BuildState, ReleaseState

YOUNG_SECONDS = 3600.0
"""What was made so lately may belong to a build that is about to be noted."""

HISTORY = 1000


@dataclass
class Kept:
    """Paths relative to the data folder, and images."""

    paths: set[str] = field(default_factory=set)
    images: set[str] = field(default_factory=set)

    def add(self, artifact: Artifact) -> None:
        self.paths.update(mount.source for mount in artifact.mounts)
        if artifact.folder:
            self.paths.add(artifact.folder)
        if artifact.image:
            self.images.add(artifact.image)

    def holds(self, artifact: Artifact) -> bool:
        """Whether all that is the artifact's own stays."""
        mine = Kept()
        mine.add(artifact)
        own = {image for image in mine.images if image.startswith(SPACE_TAG)}
        return mine.paths <= self.paths and own <= self.images


@dataclass(frozen=True)
class Collected:
    """What was removed, and about how many bytes of the disk that freed (hard links count once)."""

    environments: int = 0
    checkouts: int = 0
    images: int = 0
    bytes: int = 0


def collect(
    ledger: Ledger,
    engine: Engine,
    data: Path,
    *,
    keep_releases: int = 5,
    young_seconds: float = YOUNG_SECONDS,
) -> Collected:
    """Remove everything that is unused and not young. Safe while builds and apps run.

    An engine that does not answer only means that images stay.
    """
    places = Places(data.resolve())
    with ledger.write() as tx:
        kept, stale = _kept(tx, keep_releases)
        _drop(tx, kept)
    before = time.time() - young_seconds
    freed = 0
    environments = _unused(places, places.environments.glob("*"), kept, before)
    checkouts = _unused(places, places.checkouts.glob("*/*"), kept, before)
    for folder in (*environments, *checkouts):
        freed += _remove(places, folder, before)
    freed += _prune(places.shared, before)
    freed += _forget_private(places, kept, ledger)
    images = _remove_images(engine, stale - kept.images)
    return Collected(len(environments), len(checkouts), images, freed)


def forget(ledger: Ledger, engine: Engine, data: Path, key: SpaceKey) -> None:
    """Remove what only one Space had: its images, checkouts and private packages.

    For a Space that is deleted, when nothing of it runs any more and before its rows go: they are
    what names the images. Environments may be others' too; `collect` finds those.
    """
    places = Places(data.resolve())
    with ledger.read() as tx:
        images = _images_of(tx, key)
    _remove_images(engine, images)
    for folder in (places.checkouts / key, places.private / key):
        discard(folder)


def _images_of(tx: Tx, key: SpaceKey) -> set[str]:
    """Those that builds made for this Space alone."""
    found = (build.artifact for build in builds.history(tx, key, HISTORY))
    images = {each.image for each in found if each and each.kind is ArtifactKind.IMAGE}
    return {image for image in images if image.startswith(SPACE_TAG)}


def _kept(tx: Tx, keep_releases: int) -> tuple[Kept, set[str]]:
    """What must stay, and the images of Spaces that earlier builds made."""
    kept, made = Kept(), set[str]()
    for key in (*spaces.keys(tx), *spaces.keys(tx, deleted=True)):
        gone = spaces.get(tx, key).deleted_at is not None
        running = {replica.release_id for replica in replicas.alive(tx, key)}
        history = releases.history(tx, key, HISTORY)
        ids = running if gone else running | _to_keep(history, keep_releases)
        for release in history:
            if release.id in ids:
                kept.add(release.artifact)
        newest = builds.newest(tx, key, BuildState.SUCCEEDED)
        if newest is not None and newest.artifact is not None and not gone:
            kept.add(newest.artifact)
        made |= _images_of(tx, key)
    return kept, made


def _to_keep(history: Sequence[Release], count: int) -> set[str]:
    """The newest release, the live one, and those of the last `count` versions that ran or may yet:
    a restart or a rollback makes another release, not another version. `history`: newest first."""
    kept = {release.id for release in history if release.state is ReleaseState.LIVE}
    kept |= {release.id for release in history[:1]}
    versions: list[Artifact] = []
    for release in history:
        if release.live_at is None and release.state is not ReleaseState.PENDING:
            continue
        if release.artifact not in versions:
            if len(versions) == count:
                break
            versions.append(release.artifact)
        kept.add(release.id)
    return kept


def _drop(tx: Tx, kept: Kept) -> None:
    """Note which releases cannot be started again once this run is over."""
    for key in spaces.keys(tx):
        history = releases.history(tx, key, HISTORY)
        gone = [one for one in history if one.dropped_at is None and not kept.holds(one.artifact)]
        releases.drop(tx, [release.id for release in gone])


def _unused(places: Places, folders: Iterable[Path], kept: Kept, before: float) -> list[Path]:
    return [
        folder
        for folder in folders
        if places.relative(folder) not in kept.paths and folder.lstat().st_mtime < before
    ]


def _remove(places: Places, folder: Path, before: float) -> int:
    """A build may have taken it up meanwhile: that made it young again."""
    if folder.lstat().st_mtime >= before:
        return 0
    size = _size(folder)
    places.scratch.mkdir(parents=True, exist_ok=True)
    grave = places.scratch / new_key()
    folder.rename(grave)
    discard(grave)
    return size


def _prune(shared: Path, before: float) -> int:
    """Bytecode that no environment is linked to any more. Wheels stay: they are what makes the
    next installation quick, and uv shares them by links as well."""
    freed = 0
    for file in (shared / "bytecode").rglob("*.pyc"):
        with suppress(OSError):
            status = file.lstat()
            if status.st_nlink == 1 and status.st_mtime < before:
                file.unlink()
                freed += status.st_size
    return freed


def _forget_private(places: Places, kept: Kept, ledger: Ledger) -> int:
    """The package caches of Spaces that are gone."""
    if not is_plain(places.private):
        return 0
    with ledger.read() as tx:
        present = set(spaces.keys(tx))
    gone = [folder for folder in places.private.iterdir() if folder.name not in present]
    freed = sum(_size(folder) for folder in gone)
    for folder in gone:
        discard(folder)
    return freed


def _size(folder: Path) -> int:
    """What removing it frees: files that are linked from elsewhere stay on the disk."""
    total = 0
    for path in folder.rglob("*"):
        with suppress(OSError):
            status = path.lstat()
            if status.st_nlink == 1:
                total += status.st_size
    return total


def _remove_images(engine: Engine, images: Iterable[str]) -> int:
    removed = 0
    for image in images:
        try:
            if engine.has_image(image):
                engine.remove_image(image)
                removed += 1
        except EngineDown:
            return removed
        except EngineRefused:  # a container still uses it
            continue
    return removed
