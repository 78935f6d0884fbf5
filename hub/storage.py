"""What storage and volumes a Space may have here, and what of them a viewer may see (4.5)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from config.catalogue import GIB, Catalogue, StorageTier
from hub.context import HubContext
from runtime.storage.needs import readable_source
from spaceport.actor import Actor
from spaceport.authorize import Action, SpaceResource, authorize
from spaceport.errors import Invalid, NotFound, SpaceportError
from spaceport.ledger import Tx, mounted, spaces, volumes
from spaceport.ledger.accounts import by_name
from spaceport.ledger.mounted import Kind, Volume
from spaceport.ledger.overview import Overview
from spaceport.ledger.spaces import Space
from spaceport.ledger.volumes import Disk
from spaceport.names import SpaceId
from spaceport.sdk import Sdk
from spaceport.statement import micro_dollars

HIDDEN = "hidden"
"""Stands for a source that the viewer may not read."""

LONGEST_PATH = 255
_TAKEN = ("proc", "sys", "dev", "etc", "usr", "bin", "sbin", "lib", "lib64", "run", "boot")
_COVERED = ("/tmp", "/home/user/app", "/opt/spaceport")  # noqa: S108  (inside the container)


@dataclass(frozen=True)
class Asked:
    """A volume as a client writes it (hub-api 9)."""

    type: str
    source: str
    mount_path: str
    revision: str | None = None
    read_only: bool | None = None
    path: str | None = None


def tier_of(catalogue: Catalogue, slug: str) -> StorageTier:
    """Raises `Invalid` for a tier that this installation does not know."""
    for tier in catalogue.storage:
        if tier.slug == slug:
            return tier
    known = ", ".join(tier.slug for tier in catalogue.storage) or "none at all"
    raise Invalid(f"There is no storage tier {slug!r} here.", hint=f"There is: {known}.")


def choose_tier(
    tx: Tx, context: HubContext, space: Space, slug: str, *, actor_id: str | None = None
) -> tuple[Disk, bool]:
    """Raises `Invalid` for an unknown or a smaller tier, and for a static Space."""
    tier = tier_of(context.catalogue, slug)
    price = micro_dollars(tier.price)
    return volumes.set_tier(tx, space, tier.slug, tier.size * GIB, price=price, actor_id=actor_id)


def set_volumes(
    tx: Tx, context: HubContext, actor: Actor, space: Space, asked: Sequence[Asked]
) -> bool:
    """Mount exactly these; false when nothing changed. Raises `Invalid` naming what is wrong."""
    _must_run(space)
    if len(asked) > mounted.MOST:
        raise Invalid(f"A Space has at most {mounted.MOST} volumes.")
    wanted = [_volume(tx, context, actor, space, one) for one in asked]
    _check_places(tx, space, [one.mount_path for one in wanted])
    return mounted.replace(tx, space.key, wanted, actor_id=actor.id)


def add_volume(tx: Tx, context: HubContext, actor: Actor, space: Space, asked: Asked) -> None:
    """One more. Raises `Invalid` naming what is wrong."""
    _must_run(space)
    before = mounted.of(tx, space.key)
    _check_places(
        tx, space, [*(one.mount_path for one in before), check_mount_path(asked.mount_path)]
    )
    volume = _volume(tx, context, actor, space, asked)
    mounted.replace(tx, space.key, (*before, volume), actor_id=actor.id)


def remove_volume(tx: Tx, space: Space, mount_path: str, *, actor_id: str | None = None) -> None:
    """The one at that place; none there is fine."""
    before = mounted.of(tx, space.key)
    kept = tuple(one for one in before if one.mount_path != mount_path)
    mounted.replace(tx, space.key, kept, actor_id=actor_id)


def clear_volumes(tx: Tx, space: Space, *, actor_id: str | None = None) -> None:
    """Raises `Invalid` when there are none."""
    _must_run(space)
    if not mounted.replace(tx, space.key, (), actor_id=actor_id):
        raise Invalid("This Space has no volumes.")


def shown_volumes(tx: Tx, actor: Actor, view: Overview) -> list[dict[str, Any]]:
    """As hub-api 10 has them; a source that `actor` may not read is masked."""
    return [_shown(tx, actor, view.space, one) for one in view.volumes]


def _shown(tx: Tx, actor: Actor, space: Space, volume: Volume) -> dict[str, Any]:
    known = _may_know(tx, actor, space, volume)
    shown: dict[str, Any] = {
        "type": volume.kind.value,
        "source": _name_now(tx, volume) if known else HIDDEN,
        "mountPath": volume.mount_path,
        "readOnly": volume.read_only,
    }
    if known and volume.revision is not None:
        shown["revision"] = volume.revision
    if known and volume.path is not None:
        shown["path"] = volume.path
    return shown


def _may_know(tx: Tx, actor: Actor, space: Space, volume: Volume) -> bool:
    if volume.kind is Kind.BUCKET:
        return authorize(actor, Action.MANAGE, SpaceResource.of(space)).allowed
    try:
        source = spaces.get(tx, volume.source_key)
    except NotFound:
        return authorize(actor, Action.MANAGE, SpaceResource.of(space)).allowed
    return authorize(actor, Action.READ, SpaceResource.of(source)).allowed


def _name_now(tx: Tx, volume: Volume) -> str:
    """A Space that was renamed is shown by its present name."""
    if volume.kind is Kind.BUCKET:
        return volume.source
    try:
        source = spaces.get(tx, volume.source_key)
    except NotFound:
        return volume.source
    return volume.source if source.deleted_at is not None else str(source.id)


def _volume(tx: Tx, context: HubContext, actor: Actor, space: Space, asked: Asked) -> Volume:
    path = check_mount_path(asked.mount_path)
    if asked.type in ("model", "dataset"):
        raise Invalid(
            f"This server keeps no {asked.type}s yet, so {asked.source} cannot be mounted.",
            hint="Volumes of the types 'space' and 'bucket' can.",
        )
    if asked.type == Kind.BUCKET:
        return _bucket(tx, context, space, asked, path)
    if asked.type != Kind.SPACE:
        raise Invalid(f"There are no volumes of the type {asked.type!r}.")
    return _space(tx, actor, asked, path)


def _space(tx: Tx, actor: Actor, asked: Asked, mount_path: str) -> Volume:
    if asked.read_only is False:
        raise Invalid(f"{asked.source} is a repository: it is mounted read-only.")
    hidden = Invalid(f"There is no Space {asked.source!r}, or you may not read it.")
    try:
        source = spaces.by_id(tx, SpaceId.parse(asked.source))
    except SpaceportError as error:
        raise hidden from error
    if source is None or not authorize(actor, Action.READ, SpaceResource.of(source)).allowed:
        raise hidden
    volume = Volume(
        kind=Kind.SPACE,
        source=str(source.id),
        source_key=source.key,
        mount_path=mount_path,
        revision=asked.revision or None,
        path=_folder(asked.path),
        added_by=actor.id,
    )
    try:
        readable_source(tx, volume)  # as it is asked at each start
    except NotFound as error:
        raise hidden from error
    return volume


def _bucket(tx: Tx, context: HubContext, space: Space, asked: Asked, mount_path: str) -> Volume:
    owner, slash, name = asked.source.partition("/")
    account = by_name(tx, owner) if slash else None
    if account is None or account.id != space.owner_id:
        raise Invalid(
            f"{asked.source!r} is no bucket of {space.id.author}.",
            hint=f"A Space mounts buckets of its owner: write {space.id.author}/NAME.",
        )
    if asked.path:
        # An app could put a link in its place, and have any folder of the host mounted.
        raise Invalid("A bucket is mounted as a whole: leave the path out.")
    if asked.revision:
        raise Invalid("A bucket has no revisions: leave the revision out.")
    tiers = sorted(context.catalogue.storage, key=lambda tier: tier.size)
    if not tiers:
        raise Invalid("This server has no persistent storage.")
    disk = volumes.make_bucket(tx, account.id, name, tiers[0].slug, tiers[0].size * GIB)
    return Volume(
        kind=Kind.BUCKET,
        source=f"{account.name}/{disk.name}",
        source_key=disk.id,
        mount_path=mount_path,
        read_only=bool(asked.read_only),
    )


def check_mount_path(path: str) -> str:
    """Return it without a slash at the end, or raise `Invalid`: an absolute path that covers
    nothing of what an app needs to run."""
    plain = path.rstrip("/")
    parts = plain.split("/")[1:]
    odd = any(part in ("", ".", "..") for part in parts) or not plain.isprintable()
    if not plain.startswith("/") or odd or len(plain) > LONGEST_PATH or ":" in plain:
        raise Invalid(f"{path[:80]!r} is no place to mount at: write an absolute path like /models")
    if parts[0] in _TAKEN or any(_within(plain, one) or _within(one, plain) for one in _COVERED):
        raise Invalid(f"Nothing can be mounted at {plain}: the app needs what is there.")
    return plain


def _within(path: str, other: str) -> bool:
    return PurePosixPath(path).is_relative_to(other)


def _folder(path: str | None) -> str | None:
    plain = (path or "").strip("/")
    parts = plain.split("/") if plain else []
    if any(part in ("", ".", "..") for part in parts) or "\0" in plain:
        raise Invalid(f"{path!r} is no folder of a repository.")
    return plain or None


def _check_places(tx: Tx, space: Space, paths: Iterable[str]) -> None:
    taken = [volumes.MOUNT] if volumes.of_space(tx, space.key) is not None else []
    for path in paths:
        for other in taken:
            if _within(path, other) or _within(other, path):
                whose = "the Space's storage" if other == volumes.MOUNT else "another volume"
                raise Invalid(f"{path} and {other}, where {whose} is, would cover each other.")
        taken.append(path)


def _must_run(space: Space) -> None:
    if space.sdk is Sdk.STATIC:
        raise Invalid("Volumes are not supported on static Spaces: their files are served as such.")
