"""What a replica mounts besides its code, read from the ledger: disks and other Spaces' files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from spaceport.actor import Means
from spaceport.authorize import Action, Denied, SpaceResource, authorize
from spaceport.errors import NotFound, SpaceportError
from spaceport.identify import BadCredentials, by_credential
from spaceport.ledger import spaces, volumes
from spaceport.ledger.columns import now
from spaceport.ledger.database import Tx
from spaceport.ledger.mounted import Kind, Volume
from spaceport.ledger.overview import Overview
from spaceport.ledger.spaces import Space
from spaceport.ledger.volumes import Disk, held_disk, held_share
from spaceport.names import SpaceKey


class Sources(Protocol):
    """Where the files of Spaces come from; the hub's, because it may ask the git server."""

    def commit(self, key: SpaceKey, revision: str | None) -> str:
        """The commit that a branch, tag or id names now; None: `main`. Raises `NotFound`."""

    def lay_out(self, key: SpaceKey, commit: str, folder: str) -> None:
        """Write its files into `folder`, relative to the data folder, whole or not at all.

        There already is fine. Raises `SpaceportError`.
        """


class NoSources:
    """For a runtime without a git server."""

    def commit(self, key: SpaceKey, revision: str | None) -> str:
        raise NotFound("This server has no repositories.")

    def lay_out(self, key: SpaceKey, commit: str, folder: str) -> None:
        raise NotFound("This server has no repositories.")


class VolumeRefused(SpaceportError):
    """Raised for a volume that cannot be mounted (any more); says which, and why."""

    def __init__(self, volume: Volume, problem: str) -> None:
        super().__init__(problem)
        self.volume = volume


@dataclass(frozen=True)
class DiskNeed:
    disk: Disk
    target: str
    read_only: bool = False


@dataclass(frozen=True)
class ShareNeed:
    key: SpaceKey
    commit: str
    target: str
    path: str = ""  # a folder within it

    @property
    def folder(self) -> str:
        """Relative to the data folder."""
        return held_share(self.key, self.commit)


@dataclass(frozen=True)
class ScratchNeed:
    """A disk for what the app writes beside its storage; it ends with the replica."""

    id: str
    size: int  # bytes
    home: str


@dataclass(frozen=True)
class Needs:
    disks: tuple[DiskNeed, ...] = ()
    shares: tuple[ShareNeed, ...] = ()
    scratch: ScratchNeed | None = None

    @property
    def holds(self) -> frozenset[str]:
        """As they are noted with the replica, so that nobody removes them under it."""
        disks = {held_disk(one.disk.id) for one in self.disks}
        if self.scratch is not None:
            disks.add(held_disk(self.scratch.id))
        return frozenset(disks | {one.folder for one in self.shares})


def needs_of(tx: Tx, view: Overview, sources: Sources) -> Needs:
    """Raises `VolumeRefused`; the right to read each source is asked anew."""
    disks, shares = [], []
    if view.disk is not None:
        disks.append(DiskNeed(view.disk, volumes.MOUNT))
    for volume in view.volumes:
        try:
            if volume.kind is Kind.BUCKET:
                disk = _bucket_of(tx, view.space, volume)
                disks.append(DiskNeed(disk, volume.mount_path, volume.read_only))
            else:
                source = readable_source(tx, volume)
                commit = sources.commit(source.key, volume.revision)
                path = volume.path or ""
                shares.append(ShareNeed(source.key, commit, volume.mount_path, path))
        except SpaceportError as error:
            raise VolumeRefused(volume, str(error)) from error
    return Needs(tuple(disks), tuple(shares))


def _bucket_of(tx: Tx, space: Space, volume: Volume) -> Disk:
    """A Space that was given to somebody else leaves its former owner's buckets behind."""
    disk = volumes.get(tx, volume.source_key)
    if disk.owner_id != space.owner_id or disk.deleted_at is not None:
        raise NotFound("The bucket does not belong to the Space's owner any more.")
    return disk


def readable_source(tx: Tx, volume: Volume) -> Space:
    """The Space that a volume shows, if the one who added it may still read it.

    The operator, who adds without an account, may read everything. Raises `NotFound`.
    """
    # Not by name: everybody who may see the Space reads why it does not start.
    hidden = NotFound("Its source does not exist, or whoever added it may not read it any more.")
    try:
        space = spaces.get(tx, volume.source_key)
        if space.deleted_at is not None:
            raise hidden
        if volume.added_by is not None:
            # As by an SSH key of theirs: today's rights, but never those of an administrator.
            actor = by_credential(tx, volume.added_by, Means.KEY, "", now())
            authorize(actor, Action.READ, SpaceResource.of(space)).require()
    except (Denied, NotFound, BadCredentials, LookupError) as error:
        raise hidden from error
    return space
