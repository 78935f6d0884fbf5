"""Figures from a real ledger and the proxy's counters, read back by Prometheus' own parser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from hub.metrics.from_ledger import LedgerFigures
from hub.metrics.from_proxy import ProxyFigures
from runtime.proxy.latency import Latency
from runtime.proxy.metrics import Metrics
from spaceport.artifact import Artifact, ArtifactKind
from spaceport.cause import Cause, Failure
from spaceport.ledger import Ledger, builds, releases, replicas, spaces, waiting
from spaceport.ledger.builds import Build
from spaceport.ledger.columns import now
from spaceport.ledger.database import Tx, sqlite_url
from spaceport.ledger.spaces import Visibility
from spaceport.ledger.tables import accounts
from spaceport.names import SpaceKey, new_key
from spaceport.sdk import Sdk
from spaceport.stage import Wanted
from spaceport.states import BuildState, ReleaseState, ReplicaState

OWNER = "1" * 24


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    made = Ledger(sqlite_url(tmp_path))
    with made.write() as tx:
        row = {"id": OWNER, "name": "ada", "name_lower": "ada", "kind": "user", "created_at": now()}
        tx.execute(accounts.insert().values(row))
    yield made
    made.close()


def told(registry: CollectorRegistry) -> dict[str, float]:
    """Name with labels → value, as a Prometheus would read it."""
    found = {}
    for family in text_string_to_metric_families(generate_latest(registry).decode()):
        for sample in family.samples:
            labels = ",".join(f"{key}={value}" for key, value in sorted(sample.labels.items()))
            found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return found


def new_space(tx: Tx, name: str) -> SpaceKey:
    key = new_key()
    spaces.create(
        tx, key, OWNER, name, creator_id=OWNER, visibility=Visibility.PUBLIC, sdk=Sdk.GRADIO
    )
    return key


def pushed(tx: Tx, key: SpaceKey) -> Build:
    revision = new_key() + "0" * 16
    spaces.move_head(tx, key, revision, {"sdk": "gradio"})
    queued = builds.queue(tx, key, revision)
    builds.move(tx, queued, BuildState.RUNNING)
    running = builds.get(tx, queued.id)
    assert running is not None
    return running


def deployed(tx: Tx, key: SpaceKey, build: Build) -> str:
    """A release that goes live; the id of its replica."""
    release = releases.create(
        tx, spaces.get(tx, key), build, card={}, variables={}, secret_versions={}
    )
    replica = replicas.create(tx, key, release.id, engine="process", port=7860)
    replicas.move(tx, replica, ReplicaState.READY)
    releases.move(tx, release, ReleaseState.LIVE)
    return replica.id


def test_what_happened_before_is_not_counted_but_stages_are_known(ledger: Ledger) -> None:
    with ledger.write() as tx:
        key = new_space(tx, "old")
        build = pushed(tx, key)
        builds.move(tx, build, BuildState.FAILED, failure=Failure(Cause.BUILD_FAILED))
    registry = CollectorRegistry()
    LedgerFigures(registry, ledger).read()
    found = told(registry)
    assert found["spaceport_spaces{stage=BUILD_ERROR}"] == 1
    assert found["spaceport_spaces{stage=RUNNING}"] == 0
    assert found["spaceport_push_to_live_seconds_count"] == 0
    assert "spaceport_deploy_errors_total{cause=BUILD_FAILED}" not in found


def test_a_push_its_build_and_its_version_are_counted_once(ledger: Ledger) -> None:
    registry = CollectorRegistry()
    figures = LedgerFigures(registry, ledger)
    figures.read()
    with ledger.write() as tx:
        key = new_space(tx, "app")
        build = pushed(tx, key)
        made = Artifact(ArtifactKind.ENVIRONMENT, image="i", command=("x",))
        builds.move(tx, build, BuildState.SUCCEEDED, artifact=made)
        done = builds.get(tx, build.id)
        assert done is not None
        deployed(tx, key, done)
    for _ in range(2):
        figures.read()
        found = told(registry)
        assert found["spaceport_push_to_live_seconds_count"] == 1
        assert found["spaceport_build_queue_wait_seconds_count"] == 1
        assert found["spaceport_build_seconds_count{result=succeeded}"] == 1
        assert found["spaceport_spaces{stage=RUNNING}"] == 1
        assert found["spaceport_replicas{state=ready}"] == 1
    with ledger.write() as tx:
        deployed(tx, key, done)  # a restart is no push
    figures.read()
    assert told(registry)["spaceport_push_to_live_seconds_count"] == 1


def test_wakes_failures_and_deletions(ledger: Ledger) -> None:
    registry = CollectorRegistry()
    figures = LedgerFigures(registry, ledger)
    with ledger.write() as tx:
        key, broken, gone = (new_space(tx, name) for name in ("asleep", "broken", "gone"))
        spaces.want(tx, key, Wanted.ASLEEP)
    figures.read()
    with ledger.write() as tx:
        spaces.want(tx, key, Wanted.RUNNING)
        build = pushed(tx, key)
        builds.move(
            tx, build, BuildState.SUCCEEDED, artifact=Artifact(ArtifactKind.IMAGE, image="i")
        )
        done = builds.get(tx, build.id)
        assert done is not None
        deployed(tx, key, done)
        builds.move(tx, pushed(tx, broken), BuildState.FAILED, failure=Failure(Cause.BUILD_FAILED))
        spaces.mark_deleted(tx, gone)
        spaces.purge(tx, gone)
    figures.read()
    found = told(registry)
    assert found["spaceport_wake_from_sleep_seconds_count"] == 1
    assert found["spaceport_deploy_errors_total{cause=BUILD_FAILED}"] == 1
    assert found["spaceport_build_seconds_count{result=failed}"] == 1
    stages = [value for name, value in found.items() if name.startswith("spaceport_spaces{")]
    assert sum(stages) == 2


def test_only_who_waited_for_hardware_is_counted_as_waiting(ledger: Ledger) -> None:
    registry = CollectorRegistry()
    figures = LedgerFigures(registry, ledger)
    figures.read()
    with ledger.write() as tx:
        key = new_space(tx, "app")
        build = pushed(tx, key)
        made = Artifact(ArtifactKind.IMAGE, image="i")
        builds.move(tx, build, BuildState.SUCCEEDED, artifact=made)
        done = builds.get(tx, build.id)
        assert done is not None
        space = spaces.get(tx, key)
        release = releases.create(tx, space, done, card={}, variables={}, secret_versions={})
        for _ in range(2):  # the first one found room at once
            waited = waiting.leave(tx, key)
            replicas.create(tx, key, release.id, engine="process", port=7860, waited=waited)
            waiting.enter(tx, key, "t4-small")
        waited = waiting.leave(tx, key)
        replicas.create(tx, key, release.id, engine="process", port=7860, waited=waited)
    figures.read()
    assert told(registry)["spaceport_hardware_queue_wait_seconds_count"] == 2


def test_the_proxys_counters_and_latency() -> None:
    metrics = Metrics()
    for status in (101, 200, 200, 304, 404, 502):
        metrics.answered(status)
    metrics.requests = 7
    for seconds in (0.0004, 0.02, 0.02, 60.0):
        metrics.latency.observe(seconds)
    registry = CollectorRegistry()
    registry.register(ProxyFigures(metrics))
    found = told(registry)
    answers = [found[f"spaceport_proxy_answers_total{{class={n}xx}}"] for n in range(1, 6)]
    assert answers == [1, 2, 1, 1, 1]
    assert found["spaceport_proxy_requests_total"] == 7
    assert found["spaceport_proxy_first_byte_seconds_bucket{le=0.001}"] == 1
    assert found["spaceport_proxy_first_byte_seconds_bucket{le=0.025}"] == 3
    assert found["spaceport_proxy_first_byte_seconds_bucket{le=+Inf}"] == 4
    assert found["spaceport_proxy_first_byte_seconds_count"] == 4


def test_a_bound_belongs_to_its_bucket() -> None:
    latency = Latency()
    latency.observe(0.001)
    assert latency.counts[0] == 1
