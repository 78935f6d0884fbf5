"""Performing steps: thin, each one transaction or one engine call. All of it blocks.

Every step reads its rows again and moves them only along the allowed moves, so that a step that
was decided on an older view does nothing wrong.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from runtime import diagnosis, steps
from runtime.container_spec import with_mounts
from runtime.freezer import ready_again
from runtime.planning import Planned, plan
from runtime.prestart import claim as prestart
from runtime.tools import Tools
from spaceport.cause import Cause, Failure
from spaceport.engine import ContainerSpec, EngineDown, Handle
from spaceport.errors import SpaceportError
from spaceport.failpoints import failpoint
from spaceport.ledger import builds, releases, replicas, secrets, spaces, variables, waiting
from spaceport.ledger.database import Tx
from spaceport.ledger.releases import Release
from spaceport.ledger.replicas import Replica
from spaceport.names import SpaceKey
from spaceport.stage import Wanted
from spaceport.states import (
    RELEASE_MOVES,
    REPLICA_MOVES,
    ReleaseState,
    ReplicaState,
)


@dataclass(frozen=True)
class Started:
    """What came of a start. `failure`: the engine refused, and the replica is to be given up."""

    replica: Replica
    failure: Failure | None = None


def write(tools: Tools, key: SpaceKey, step: steps.Step) -> None:
    """Perform a step that only changes the ledger, in one transaction."""
    with tools.ledger.write() as tx:
        match step:
            case steps.CreateRelease(build_id):
                _create_release(tx, key, build_id)
            case steps.GoLive(release_id):
                _go_live(tx, releases.get(tx, release_id))
            case steps.Adopt(replica_id, handle):
                replicas.started(tx, replicas.get(tx, replica_id), handle)
            case steps.Promote(replica_id):
                _promote(tx, replicas.get(tx, replica_id))
            case steps.Drain(replica_id):
                _move(tx, replicas.get(tx, replica_id), ReplicaState.DRAINING)
            case steps.Gone(replica_id):
                _move(tx, replicas.get(tx, replica_id), ReplicaState.GONE)
            case steps.Crashed():
                _crashed(tx, step)
            case steps.Fail():
                _fail(tx, step)
            case steps.Thawed(replica_id):
                ready_again(tx, replica_id)
            case steps.Notice(release_id, failure):
                _notice(tx, releases.get(tx, release_id), failure)
            case steps.Sleep():
                spaces.want(tx, key, Wanted.ASLEEP)
            case _:
                raise TypeError(f"{step} is not a change of the ledger alone")


def start(tools: Tools, key: SpaceKey, release_id: str) -> Started | None:
    """Note a replica, then start it. None when there is no room (any more).

    Raises `EngineDown`; the row stays, and the next look finds whether a container came of it.
    """
    with tools.ledger.write() as tx:
        planned = plan(tx, tools, key, releases.get(tx, release_id))
    if planned is None:
        return None
    replica, spec = planned.replica, planned.spec
    failpoint("runtime:after-replica-row")
    if isinstance(spec, Failure):
        return Started(replica, spec)
    try:
        started = prestart.begin(tools, planned) or _plainly(tools, planned, spec)
    except EngineDown:
        raise
    except SpaceportError as error:
        return Started(replica, diagnosis.of_refusal(str(error)))
    if isinstance(started, Failure):
        return Started(replica, started)
    failpoint("runtime:after-engine-start")
    with tools.ledger.write() as tx:
        replicas.started(tx, replica, started)
        return Started(replicas.get(tx, replica.id))


def _plainly(tools: Tools, planned: Planned, spec: ContainerSpec) -> Handle | Failure:
    """A container of its own, with everything that it mounts."""
    try:
        spec = with_mounts(spec, tools.storage.mounts(planned.needs))
    except (SpaceportError, OSError) as error:
        return diagnosis.of_storage(error)
    failpoint("runtime:after-mounts")
    if planned.inputs is not None:
        tools.secret_files.lay(planned.replica.id, planned.inputs.secrets)
    return tools.engine.start(spec)


def gone(tools: Tools, replica_id: str) -> None:
    """Note that a replica was stopped."""
    tools.secret_files.discard(replica_id)
    with tools.ledger.write() as tx:
        _move(tx, replicas.get(tx, replica_id), ReplicaState.GONE)


def purge(tools: Tools, key: SpaceKey) -> None:
    """Files first: the row is what makes us come back if this fails half way."""
    tools.cleanup(key)
    tools.storage.remove_of(key)
    failpoint("runtime:before-purge")
    with tools.ledger.write() as tx:
        spaces.purge(tx, key)


def stop(tools: Tools, step: steps.Stop, grace: float) -> None:
    if step.frozen:
        with suppress(SpaceportError, OSError):  # what cannot be thawed can still be killed
            tools.engine.thaw(step.handle)
    tools.engine.stop(step.handle, grace)


def _create_release(tx: Tx, key: SpaceKey, build_id: str) -> None:
    space, build = spaces.get(tx, key), builds.get(tx, build_id)
    if build is None:
        return
    newest = releases.newest(tx, key)
    if space.held and newest is not None and newest.build_id != build_id:
        return  # rolled back since this was decided
    releases.retire_pending(tx, key)
    releases.create(
        tx,
        space,
        build,
        card=space.card or {},
        variables=variables.of(tx, key),
        secret_versions=secrets.versions(tx, key),
    )


def _notice(tx: Tx, release: Release, failure: Failure | None) -> None:
    releases.note(tx, release, failure)
    if failure is not None and failure.cause is Cause.NO_CAPACITY:
        waiting.enter(tx, release.space_key, release.flavor)


def _go_live(tx: Tx, release: Release) -> None:
    _retire_others(tx, release)
    _settle(tx, release, ReleaseState.LIVE)


def _promote(tx: Tx, replica: Replica) -> None:
    """The swap: one transaction, so that one route replaces the other."""
    if replica.state is not ReplicaState.STARTING:
        return
    release = releases.get(tx, replica.release_id)
    replicas.move(tx, replica, ReplicaState.READY)
    if release.state is ReleaseState.PENDING:
        _go_live(tx, release)
    elif release.failure is not None:
        releases.note(tx, release, None)
    for other in replicas.alive(tx, replica.space_key):
        if other.id != replica.id:
            _move(tx, other, ReplicaState.DRAINING)
    failpoint("runtime:before-promote")


def _retire_others(tx: Tx, release: Release) -> None:
    for other in releases.history(tx, release.space_key):
        if other.id != release.id and other.state is ReleaseState.LIVE:
            releases.move(tx, other, ReleaseState.RETIRED)


def _crashed(tx: Tx, step: steps.Crashed) -> None:
    replica = replicas.get(tx, step.replica_id)
    release = releases.get(tx, replica.release_id)
    state = ReplicaState.GONE if step.ended else ReplicaState.DRAINING
    if not _move(tx, replica, state, step.failure):
        return
    if step.first:
        releases.count_crash(tx, release, reset=True)
    releases.count_crash(tx, release)


def _fail(tx: Tx, step: steps.Fail) -> None:
    release = releases.get(tx, step.release_id)
    _settle(tx, release, ReleaseState.FAILED, step.failure)
    waiting.leave(tx, release.space_key)
    if step.replica_id is not None:
        state = ReplicaState.GONE if step.ended else ReplicaState.DRAINING
        _move(tx, replicas.get(tx, step.replica_id), state, step.failure)


def _settle(tx: Tx, release: Release, state: ReleaseState, failure: Failure | None = None) -> None:
    if state in RELEASE_MOVES[release.state]:
        releases.move(tx, release, state, failure=failure)


def _move(tx: Tx, replica: Replica, state: ReplicaState, failure: Failure | None = None) -> bool:
    if state not in REPLICA_MOVES[replica.state]:
        return False
    return replicas.move(tx, replica, state, failure=failure)
