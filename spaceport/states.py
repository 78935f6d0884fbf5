"""States of builds, releases and replicas, with the allowed moves beside them."""

from __future__ import annotations

from enum import StrEnum


class BuildState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SUPERSEDED = "superseded"
    INTERRUPTED = "interrupted"

    @property
    def open(self) -> bool:
        return self in (BuildState.QUEUED, BuildState.RUNNING)


class ReleaseState(StrEnum):
    PENDING = "pending"  # to be started
    LIVE = "live"  # answered a request; what is started on wake and rolled back to
    FAILED = "failed"  # did not start, or crashed too often; its failure says why
    RETIRED = "retired"  # replaced by a newer live one; can be rolled back to


class ReplicaState(StrEnum):
    STARTING = "starting"
    READY = "ready"
    DRAINING = "draining"
    FROZEN = "frozen"
    GONE = "gone"


BUILD_MOVES: dict[BuildState, frozenset[BuildState]] = {
    BuildState.QUEUED: frozenset(
        {BuildState.RUNNING, BuildState.FAILED, BuildState.SUPERSEDED, BuildState.INTERRUPTED}
    ),
    BuildState.RUNNING: frozenset(
        {BuildState.SUCCEEDED, BuildState.FAILED, BuildState.SUPERSEDED, BuildState.INTERRUPTED}
    ),
    BuildState.SUCCEEDED: frozenset(),
    BuildState.FAILED: frozenset(),
    BuildState.SUPERSEDED: frozenset(),
    BuildState.INTERRUPTED: frozenset(),
}

RELEASE_MOVES: dict[ReleaseState, frozenset[ReleaseState]] = {
    ReleaseState.PENDING: frozenset({ReleaseState.LIVE, ReleaseState.FAILED, ReleaseState.RETIRED}),
    ReleaseState.LIVE: frozenset({ReleaseState.FAILED, ReleaseState.RETIRED}),
    ReleaseState.FAILED: frozenset({ReleaseState.PENDING, ReleaseState.RETIRED}),
    ReleaseState.RETIRED: frozenset({ReleaseState.PENDING, ReleaseState.LIVE}),
}

REPLICA_MOVES: dict[ReplicaState, frozenset[ReplicaState]] = {
    ReplicaState.STARTING: frozenset(
        {ReplicaState.READY, ReplicaState.DRAINING, ReplicaState.GONE}
    ),
    ReplicaState.READY: frozenset({ReplicaState.DRAINING, ReplicaState.FROZEN, ReplicaState.GONE}),
    ReplicaState.FROZEN: frozenset({ReplicaState.READY, ReplicaState.DRAINING, ReplicaState.GONE}),
    ReplicaState.DRAINING: frozenset({ReplicaState.GONE}),
    ReplicaState.GONE: frozenset(),
}
