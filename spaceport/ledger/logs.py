"""Which log is the present one of a Space, and whether more will come to it."""

from __future__ import annotations

from spaceport.ledger import builds, replicas, spaces
from spaceport.ledger.database import Tx
from spaceport.names import SpaceKey
from spaceport.stage import Wanted
from spaceport.states import ReplicaState

KEPT = 10
"""Logs of builds, and as many of replicas, for each Space."""


def newest_build(tx: Tx, key: SpaceKey) -> str | None:
    """The id whose log is the build log."""
    found = builds.newest(tx, key)
    return None if found is None else found.id


def build_to_come(tx: Tx, key: SpaceKey) -> bool:
    """Whether the newest push has no build yet, because the builder is about to queue it."""
    space, newest = spaces.get(tx, key), builds.newest(tx, key)
    if space.head is None or space.wanted is Wanted.PAUSED:
        return False
    return newest is None or newest.revision != space.head


def newest_replica(tx: Tx, key: SpaceKey) -> str | None:
    """The id whose log is the run log."""
    found = replicas.newest(tx, key)
    return None if found is None else found.id


def previous_build(tx: Tx, key: SpaceKey) -> str | None:
    """The id of the build before the newest (15.1.4)."""
    found = builds.history(tx, key, limit=2)
    return found[1].id if len(found) == 2 else None


def previous_replica(tx: Tx, key: SpaceKey) -> str | None:
    """The id of the replica before the newest."""
    found = replicas.latest(tx, key, limit=2)
    return found[1].id if len(found) == 2 else None


def kept(tx: Tx, key: SpaceKey) -> set[str]:
    """The builds and replicas whose logs are kept: the last few, and whatever is not over."""
    last = {one.id for one in builds.history(tx, key, limit=KEPT)}
    last |= {one.id for one in replicas.latest(tx, key, limit=KEPT)}
    open_ones = {one.id for one in builds.open_builds(tx) if one.space_key == key}
    return last | open_ones | {one.id for one in replicas.alive(tx, key)}


def build_ended(tx: Tx, build_id: str) -> bool:
    found = builds.get(tx, build_id)
    return found is None or not found.state.open


def replica_ended(tx: Tx, replica_id: str) -> bool:
    try:
        return replicas.get(tx, replica_id).state is ReplicaState.GONE
    except LookupError:
        return True
