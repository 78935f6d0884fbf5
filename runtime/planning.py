"""What a start needs, noted in one transaction: room, mounts, secrets, and the container."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from runtime import diagnosis
from runtime.container_spec import Inputs, container_spec
from runtime.facts import grant, inputs_of
from runtime.placement import NoRoom
from runtime.prices import price_now
from runtime.storage.needs import Needs, ScratchNeed, VolumeRefused, needs_of
from runtime.tools import Tools
from spaceport.cause import Failure
from spaceport.engine import ContainerSpec
from spaceport.errors import SpaceportError
from spaceport.ledger import replicas, waiting
from spaceport.ledger.database import Tx
from spaceport.ledger.overview import overview
from spaceport.ledger.releases import Release
from spaceport.ledger.replicas import Replica
from spaceport.names import SpaceKey


@dataclass(frozen=True)
class Planned:
    """A replica that is noted, and what it is made of; a failure says why it cannot be."""

    replica: Replica
    spec: ContainerSpec | Failure
    needs: Needs = field(default_factory=Needs)
    inputs: Inputs | None = None  # None: it cannot be made


def plan(tx: Tx, tools: Tools, key: SpaceKey, release: Release) -> Planned | None:
    """Place it and note it in the same transaction: two lanes never get the same room, and what
    the replica mounts is not taken away meanwhile. None while there is no room."""
    placement = grant(tx, release, tools)
    if isinstance(placement, NoRoom):
        waiting.enter(tx, key, release.flavor)
        return None
    waited = waiting.leave(tx, key)
    needs, refused = _needs(tx, tools, key, release)
    replica = replicas.create(
        tx,
        key,
        release.id,
        engine=tools.engine.name,
        port=release.artifact.port,
        placement=placement.to_json(),
        price=price_now(tx, tools.catalogue, key, release.flavor),
        holds=needs.holds,
        waited=waited,
    )
    if refused is not None:
        return Planned(replica, refused)
    try:
        values = tools.secrets(tx, key)
    except SpaceportError as error:
        return Planned(replica, diagnosis.of_refusal(str(error)))
    inputs = inputs_of(tx, tools, release, replica.id, placement, values)
    return Planned(replica, container_spec(inputs), needs, inputs)


def _needs(tx: Tx, tools: Tools, key: SpaceKey, release: Release) -> tuple[Needs, Failure | None]:
    try:
        needs = needs_of(tx, overview(tx, key), tools.storage.sources)
    except VolumeRefused as error:
        return Needs(), diagnosis.of_volume(error.volume.mount_path, error)
    return replace(needs, scratch=scratch_of(tools, release)), None


def scratch_of(tools: Tools, release: Release) -> ScratchNeed | None:
    """A new disk of the flavour's size for what the app writes, where that can be had."""
    if not (tools.host.one_user and release.artifact.read_only_root):
        return None
    disk = tools.catalogue.flavor(release.flavor).disk_bytes
    return tools.storage.scratch_need(disk, release.artifact.home)
