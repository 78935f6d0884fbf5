"""The ledger's half of a view, gathered in one read."""

from __future__ import annotations

from dataclasses import dataclass

from runtime.placement import NoRoom, Placement, place
from runtime.tools import Tools
from runtime.view import Room, target
from spaceport.cause import Cause, Failure
from spaceport.ledger import builds, releases, replicas
from spaceport.ledger.builds import Build
from spaceport.ledger.database import Tx
from spaceport.ledger.overview import Overview, overview
from spaceport.ledger.releases import Release
from spaceport.ledger.replicas import Replica
from spaceport.names import SpaceKey
from spaceport.states import BuildState


@dataclass(frozen=True)
class Facts:
    """See the fields of `View`."""

    overview: Overview
    fresh: Build | None
    gone: Replica | None
    room: Room


def read_facts(tx: Tx, key: SpaceKey, tools: Tools) -> Facts:
    """Raises `NotFound` for a Space that was purged."""
    view = overview(tx, key)
    succeeded = builds.newest(tx, key, BuildState.SUCCEEDED)
    fresh = succeeded if succeeded and succeeded.number > view.space.skipped_builds else None
    if fresh is not None and releases.of_build(tx, fresh.id):
        fresh = None
    to_start = target(view)
    runs = to_start is not None and any(
        replica.release_id == to_start.id for replica in view.replicas
    )
    room = Room() if to_start is None or runs else room_for(tx, to_start, tools)
    return Facts(view, fresh, replicas.last_gone(tx, key), room)


def room_for(tx: Tx, release: Release, tools: Tools) -> Room:
    """Whether a replica of `release` fits next to all that run."""
    if not tools.catalogue.has_flavor(release.flavor):
        return Room(Failure(Cause.FLAVOR_UNKNOWN, {"flavor": release.flavor}), lasting=True)
    found = grant(tx, release, tools)
    if isinstance(found, Placement):
        return Room()
    alone = grant(tx, release, tools, beside_own=False)
    return Room(
        Failure(Cause.NO_CAPACITY, {"problem": found.problem}),
        lasting=found.lasting,
        without_own=isinstance(alone, Placement),
    )


def grant(tx: Tx, release: Release, tools: Tools, *, beside_own: bool = True) -> Placement | NoRoom:
    """What a replica of `release` would be given now. Raises `Invalid` for an unknown flavour."""
    others = [
        Placement.from_json(replica.placement)
        for replica in replicas.alive(tx)
        if beside_own or replica.space_key != release.space_key
    ]
    flavor = tools.catalogue.flavor(release.flavor)
    return place(flavor, tools.host.capacity, others, tools.settings.placement)
