"""Which log is the present one of a Space, and whether more will come to it."""

from __future__ import annotations

from spaceport.ledger import builds, replicas, spaces
from spaceport.ledger.database import Tx
from spaceport.names import SpaceKey
from spaceport.stage import Wanted
from spaceport.states import ReplicaState


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


def build_ended(tx: Tx, build_id: str) -> bool:
    found = builds.get(tx, build_id)
    return found is None or not found.state.open


def replica_ended(tx: Tx, replica_id: str) -> bool:
    try:
        return replicas.get(tx, replica_id).state is ReplicaState.GONE
    except LookupError:
        return True
