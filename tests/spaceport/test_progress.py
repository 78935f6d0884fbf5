"""Builds, releases and replicas: only allowed moves, each with its event; and the overview."""

from __future__ import annotations

import pytest

from spaceport.artifact import Artifact, ArtifactKind
from spaceport.cause import Cause, Failure
from spaceport.ledger import Ledger, builds, events, logs, overview, releases, replicas, spaces
from spaceport.ledger.builds import Build
from spaceport.ledger.releases import Release
from spaceport.ledger.spaces import Space
from spaceport.stage import Stage, Wanted
from spaceport.states import BUILD_MOVES, BuildState, ReleaseState, ReplicaState

ARTIFACT = Artifact(ArtifactKind.IMAGE, image="x")
HEAD = "a" * 40


@pytest.fixture
def build(ledger: Ledger, space: Space) -> Build:
    with ledger.write() as tx:
        spaces.move_head(tx, space.key, HEAD, {})
        return builds.queue(tx, space.key, HEAD)


def succeed(ledger: Ledger, build: Build, artifact: Artifact = ARTIFACT) -> Build:
    with ledger.write() as tx:
        builds.move(tx, build, BuildState.RUNNING)
        running = builds.get(tx, build.id)
        assert running is not None
        builds.move(tx, running, BuildState.SUCCEEDED, artifact=artifact, lock="a==1")
        done = builds.get(tx, build.id)
    assert done is not None
    return done


def release_of(ledger: Ledger, space: Space, build: Build) -> Release:
    with ledger.write() as tx:
        present = spaces.get(tx, space.key)
        return releases.create(tx, present, build, card={}, variables={}, secret_versions={"S": 1})


def stage(ledger: Ledger, space: Space) -> Stage:
    with ledger.read() as tx:
        return overview.overview(tx, space.key).standing.stage


def test_a_newer_build_supersedes_the_open_ones(ledger: Ledger, space: Space, build: Build) -> None:
    with ledger.write() as tx:
        second = builds.queue(tx, space.key, "b" * 40, factory_generation=1, inputs="x")
        first = builds.get(tx, build.id)
        assert first is not None and first.state is BuildState.SUPERSEDED
        assert (second.number, second.factory_generation, second.inputs) == (2, 1, "x")
        assert builds.open_builds(tx) == [second]
        assert [each.number for each in builds.history(tx, space.key)] == [2, 1]
        assert not builds.move(tx, build, BuildState.RUNNING)  # it has moved meanwhile


def test_builds_move_only_as_they_may(ledger: Ledger, build: Build) -> None:
    with ledger.write() as tx:
        for state in set(BuildState) - BUILD_MOVES[BuildState.QUEUED]:
            with pytest.raises(ValueError, match="does not move"):
                builds.move(tx, build, state)


def test_a_build_keeps_what_it_came_to(ledger: Ledger, space: Space, build: Build) -> None:
    failure = Failure(Cause.BUILD_FAILED, {"problem": "x"})
    done = succeed(ledger, build)
    assert (done.artifact, done.lock) == (ARTIFACT, "a==1")
    assert done.started_at is not None and done.ended_at is not None
    with ledger.write() as tx:
        next_ = builds.queue(tx, space.key, HEAD)
        builds.move(tx, next_, BuildState.FAILED, failure=failure)
        failed = builds.newest(tx, space.key)
        assert failed is not None and failed.failure == failure
        assert builds.newest(tx, space.key, BuildState.SUCCEEDED) == done
        told = [event.detail for event in events.of_space(tx, space.key)][:2]
    assert told == [
        {"build": next_.id, "state": "failed"},
        {"build": next_.id, "state": "queued"},
    ]


def test_releases_and_replicas_from_start_to_end(
    ledger: Ledger, space: Space, build: Build
) -> None:
    assert stage(ledger, space) is Stage.BUILDING
    release = release_of(ledger, space, succeed(ledger, build))
    assert stage(ledger, space) is Stage.APP_STARTING
    with ledger.write() as tx:
        replica = replicas.create(tx, space.key, release.id, engine="docker", port=7860)
        replicas.started(tx, replica, "handle")
        assert logs.newest_replica(tx, space.key) == replica.id
        assert not logs.replica_ended(tx, replica.id)
        replicas.move(tx, replica, ReplicaState.READY)
        releases.move(tx, release, ReleaseState.LIVE)
    assert stage(ledger, space) is Stage.RUNNING
    with ledger.write() as tx:
        view = overview.overview(tx, space.key)
        assert view.live is not None and view.live.secret_versions == {"S": 1}
        assert [each.handle for each in view.serving] == ["handle"]
        ready = replicas.get(tx, replica.id)
        assert ready.ready_at is not None
        replicas.move(tx, ready, ReplicaState.GONE, failure=Failure(Cause.OUT_OF_MEMORY))
        assert replicas.alive(tx) == [] and logs.replica_ended(tx, replica.id)
        newest = replicas.newest(tx, space.key)
        assert newest is not None and newest.failure == Failure(Cause.OUT_OF_MEMORY)
        spaces.want(tx, space.key, Wanted.ASLEEP)
    assert stage(ledger, space) is Stage.SLEEPING


def test_a_release_needs_an_artifact_and_moves_as_it_may(
    ledger: Ledger, space: Space, build: Build
) -> None:
    with pytest.raises(ValueError, match="no artifact"):
        release_of(ledger, space, build)
    release = release_of(ledger, space, succeed(ledger, build))
    with ledger.write() as tx:
        releases.count_crash(tx, release)
        releases.count_crash(tx, release)
        assert releases.get(tx, release.id).crashes == 2
        releases.count_crash(tx, release, reset=True)
        assert releases.get(tx, release.id).crashes == 0
        assert releases.move(tx, release, ReleaseState.FAILED, failure=Failure(Cause.APP_CRASHED))
        assert not releases.move(tx, release, ReleaseState.LIVE)
        failed = releases.get(tx, release.id)
        with pytest.raises(ValueError, match="does not move"):
            releases.move(tx, failed, ReleaseState.LIVE)
        with pytest.raises(LookupError):
            releases.get(tx, "0" * 24)
    assert stage(ledger, space) is Stage.RUNTIME_ERROR


def test_a_static_folder_serves_without_a_replica(
    ledger: Ledger, space: Space, build: Build
) -> None:
    done = succeed(ledger, build, Artifact(ArtifactKind.FOLDER, folder="checkouts/x"))
    release = release_of(ledger, space, done)
    with ledger.write() as tx:
        releases.move(tx, release, ReleaseState.LIVE)
    assert stage(ledger, space) is Stage.RUNNING


def test_all_of_a_space_goes_with_it(ledger: Ledger, space: Space, build: Build) -> None:
    release = release_of(ledger, space, succeed(ledger, build))
    with ledger.write() as tx:
        replica = replicas.create(tx, space.key, release.id, engine="process", port=1)
        spaces.mark_deleted(tx, space.key)
    assert stage(ledger, space) is Stage.DELETING
    with ledger.write() as tx:
        spaces.purge(tx, space.key)
        assert builds.get(tx, build.id) is None and builds.history(tx, space.key) == []
        with pytest.raises(LookupError):
            replicas.get(tx, replica.id)
