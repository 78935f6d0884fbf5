"""What a start needs, noted in one transaction: room, mounts, secrets, and the container."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from runtime import diagnosis
from runtime.container_spec import Inputs, container_spec
from runtime.facts import grant
from runtime.placement import NoRoom, Placement
from runtime.prices import price_now
from runtime.storage.needs import Needs, VolumeRefused, needs_of
from runtime.tools import Tools
from spaceport.cause import Failure
from spaceport.engine import ContainerSpec
from spaceport.errors import SpaceportError
from spaceport.ledger import egress, replicas, spaces, waiting
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
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)


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
    return Planned(replica, _spec(tx, tools, release, replica, placement, values), needs, values)


def _needs(tx: Tx, tools: Tools, key: SpaceKey, release: Release) -> tuple[Needs, Failure | None]:
    try:
        needs = needs_of(tx, overview(tx, key), tools.storage.sources)
    except VolumeRefused as error:
        return Needs(), diagnosis.of_volume(error.volume.mount_path, error)
    disk = tools.catalogue.flavor(release.flavor).disk_bytes
    if tools.host.one_user and release.artifact.read_only_root:
        needs = replace(needs, scratch=tools.storage.scratch_need(disk, release.artifact.home))
    return needs, None


def _spec(
    tx: Tx,
    tools: Tools,
    release: Release,
    replica: Replica,
    placement: Placement,
    values: Mapping[str, str],
) -> ContainerSpec:
    space = spaces.get(tx, replica.space_key)
    inputs = Inputs(
        space=space,
        release=release,
        flavor=tools.catalogue.flavor(release.flavor),
        placement=placement,
        replica_id=replica.id,
        instance=tools.instance,
        data=tools.data,
        host=tools.space_host(space.host_label),
        hub_url=tools.hub_url,
        settings=tools.settings.container,
        secrets=values,
        secret_files=tools.secret_files.mount(replica.id, values),
        egress=egress.of(tx, space.repository_key),
    )
    return container_spec(inputs)
