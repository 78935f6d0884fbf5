"""The ledger's half of a view, gathered in one read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from runtime.container_spec import Inputs
from runtime.placement import NoRoom, Placement, Rival, in_turn
from runtime.tools import Tools
from runtime.view import Room, target
from spaceport.cause import Cause, Failure
from spaceport.ledger import builds, egress, releases, replicas, spaces, waiting
from spaceport.ledger.builds import Build
from spaceport.ledger.columns import now
from spaceport.ledger.database import Tx
from spaceport.ledger.overview import Overview, overview
from spaceport.ledger.releases import Release
from spaceport.ledger.replicas import Replica
from spaceport.ledger.waiting import Waiting
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
    """Whether a replica of `release` fits next to all that run, and whose turn it is."""
    if not tools.catalogue.has_flavor(release.flavor):
        return Room(Failure(Cause.FLAVOR_UNKNOWN, {"flavor": release.flavor}), lasting=True)
    found = grant(tx, release, tools)
    if isinstance(found, Placement):
        return Room()
    alone = grant(tx, release, tools, beside_own=False)
    return Room(
        Failure(Cause.NO_CAPACITY, {"problem": found.problem, "turn": _turn(found)}),
        lasting=found.lasting,
        without_own=isinstance(alone, Placement),
    )


def grant(tx: Tx, release: Release, tools: Tools, *, beside_own: bool = True) -> Placement | NoRoom:
    """What a replica of `release` would be given now. Raises `Invalid` for an unknown flavour."""
    running = replicas.alive(tx)
    own = release.space_key
    placed = [
        Placement.from_json(replica.placement)
        for replica in running
        if beside_own or replica.space_key != own
    ]
    full = _owner_is_full(tx, release, tools, {replica.space_key for replica in running})
    if full is not None:
        return full
    flavor = tools.catalogue.flavor(release.flavor)
    earlier = _earlier(waiting.listed(tx), own, tools)
    return in_turn(flavor, earlier, tools.host.capacity, placed, tools.settings.placement)


def _earlier(queue: list[Waiting], own: SpaceKey, tools: Tools) -> list[Rival]:
    """Who waits longer than the Space `own`, which comes last if it does not wait yet."""
    at = now()
    keys = [one.space_key for one in queue]
    before = queue[: keys.index(own)] if own in keys else queue
    return [
        Rival(tools.catalogue.flavor(one.flavor), (at - one.since).total_seconds())
        for one in before
        if tools.catalogue.has_flavor(one.flavor)
    ]


def _owner_is_full(tx: Tx, release: Release, tools: Tools, running: set[SpaceKey]) -> NoRoom | None:
    """RUN-15; another replica of a Space that runs already is not one more."""
    most = tools.settings.placement.running_per_owner
    if most is None or release.space_key in running:
        return None
    owner = spaces.get(tx, release.space_key).owner_id
    own = sum(spaces.get(tx, key).owner_id == owner for key in running)
    if own < most:
        return None
    return NoRoom(f"its owner runs {own} Spaces already, the most that this server allows")


def _turn(found: NoRoom) -> str:
    """`; it is 2nd in the queue`, or nothing."""
    if not found.position:
        return ""
    endings = {1: "st", 2: "nd", 3: "rd"}
    tens = found.position % 100 in (11, 12, 13)
    ending = "th" if tens else endings.get(found.position % 10, "th")
    return f"; it is {found.position}{ending} in the queue"


def inputs_of(
    tx: Tx,
    tools: Tools,
    release: Release,
    replica_id: str,
    placement: Placement,
    secrets: Mapping[str, str],
) -> Inputs:
    """All that the container of a replica depends on. Raises `Invalid` for an unknown flavour."""
    space = spaces.get(tx, release.space_key)
    return Inputs(
        space=space,
        release=release,
        flavor=tools.catalogue.flavor(release.flavor),
        placement=placement,
        replica_id=replica_id,
        instance=tools.instance,
        data=tools.data,
        host=tools.space_host(space.host_label),
        hub_url=tools.hub_url,
        settings=tools.settings.container,
        secrets=secrets,
        secret_files=tools.secret_files.mount(replica_id, secrets),
        egress=egress.of(tx, space.repository_key),
    )
