"""The facts of one Space, gathered in one read: what `standing` is computed from."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import or_, select

from spaceport.artifact import ArtifactKind
from spaceport.cause import Cause, Failure
from spaceport.ledger import builds, entries, mounted, releases, replicas, spaces, volumes
from spaceport.ledger.builds import Build
from spaceport.ledger.database import Tx
from spaceport.ledger.mounted import Volume
from spaceport.ledger.releases import Release
from spaceport.ledger.replicas import Replica
from spaceport.ledger.spaces import Space
from spaceport.ledger.tables import spaces as space_rows
from spaceport.ledger.volumes import Disk, held_disk
from spaceport.names import SpaceKey
from spaceport.stage import Wanted
from spaceport.standing import Facts, Standing, standing
from spaceport.states import BuildState, ReleaseState, ReplicaState

SERVING = (ReplicaState.READY, ReplicaState.FROZEN)


@dataclass(frozen=True)
class Overview:
    """A Space with its newest build and release, the live release, what runs, what it mounts."""

    space: Space
    build: Build | None
    release: Release | None
    live: Release | None
    replicas: tuple[Replica, ...]
    disk: Disk | None = None
    volumes: tuple[Volume, ...] = ()

    clashes: tuple[str, ...] = ()  # names that are a variable and a secret (5.12)

    @property
    def writes_to(self) -> frozenset[str]:
        """The disks that a replica started now would write to, as `Replica.holds` names them."""
        own = {held_disk(self.disk.id)} if self.disk is not None else set()
        shared = {held_disk(one.source_key) for one in self.volumes if not one.read_only}
        return frozenset(own | shared)

    @property
    def serving(self) -> tuple[Replica, ...]:
        """Replicas that new requests may go to; the newest release's last."""
        return tuple(replica for replica in self.replicas if replica.state in SERVING)

    @property
    def standing(self) -> Standing:
        return standing(facts_of(self))


def overview(tx: Tx, key: SpaceKey) -> Overview:
    """Raises `NotFound`."""
    return Overview(
        space=spaces.get(tx, key),
        build=builds.newest(tx, key),
        release=releases.newest(tx, key),
        live=releases.newest(tx, key, ReleaseState.LIVE),
        replicas=tuple(replicas.alive(tx, key)),
        disk=volumes.of_space(tx, key),
        volumes=mounted.of(tx, key),
        clashes=tuple(entries.clashes(tx, key)),
    )


def restless(tx: Tx) -> set[SpaceKey]:
    """The Spaces of which something runs, should run, or is left over from before a deletion."""
    wanted = or_(space_rows.c.wanted == Wanted.RUNNING.value, space_rows.c.deleted_at.is_not(None))
    keys = set(tx.execute(select(space_rows.c.key).where(wanted)).scalars())
    return keys | {replica.space_key for replica in replicas.alive(tx)}


def build_due(view: Overview) -> bool:
    """Whether the head is not what was built last: the builder has not looked yet."""
    space, build = view.space, view.build
    if space.head is None or space.held or space.dormant:
        return False
    if build is None or build.revision != space.head:
        return True
    return build.factory_generation < space.factory_generation


def release_due(view: Overview) -> bool:
    """Whether what was built last, with the present settings, is not what was released last."""
    build, release, space = view.build, view.release, view.space
    if not space.held or release is None:
        if build is None or build.state is not BuildState.SUCCEEDED or build_due(view):
            return False
        if release is None or release.build_id != build.id:
            return True
    wanted = (space.settings_version, space.restart_generation)
    return (release.settings_version, release.restart_generation) != wanted


def facts_of(view: Overview) -> Facts:
    """A static folder serves as soon as its release is live: the proxy needs no replica.

    What is due counts as begun: between a push and the builder's look the Space is BUILDING, not
    still in the error of the push before. After a rollback builds of the head do not count. A
    sleeping preview can always be woken, though nothing may have been built yet, or built well.
    """
    live, dormant = view.live, view.space.dormant
    folder = live is not None and live.artifact.kind is ArtifactKind.FOLDER and not dormant
    build, release = None if view.space.held else view.build, view.release
    to_build, to_release = build_due(view), release_due(view)
    pending = release is not None and release.state is ReleaseState.PENDING
    target = release if pending else live
    starting = any(replica.state is ReplicaState.STARTING for replica in view.replicas)
    return Facts(
        wanted=view.space.wanted,
        deleting=view.space.deleted_at is not None,
        has_revision=view.space.head is not None,
        build=BuildState.QUEUED if to_build else build.state if build else None,
        build_failure=build.failure if build else None,
        release=ReleaseState.PENDING if to_release else release.state if release else None,
        release_failure=release.failure if release else None,
        serving=folder or bool(view.serving),
        starting=starting or to_release,
        last_good=live is not None or dormant,
        budget_spent=view.space.budget_spent is not None,
        note=target.failure if target is not None else None,
        settings_failure=_clash(view),
    )


def _clash(view: Overview) -> Failure | None:
    if not view.clashes:
        return None
    return Failure(Cause.NAME_COLLISION, {"name": ", ".join(view.clashes)})
