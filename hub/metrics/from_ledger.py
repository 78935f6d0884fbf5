"""Figures of pushes, builds and deploys, read from the event log when somebody asks for them.

A scrape reads what was written since the last one, from a cursor of its own that begins with the
process; so nothing is counted where the work is done, and restarts look like those of any counter.
"""

from __future__ import annotations

from collections import Counter as Counts
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from spaceport.errors import NotFound
from spaceport.ledger import Ledger, builds, events, releases, replicas, spaces
from spaceport.ledger.builds import Build
from spaceport.ledger.database import Tx
from spaceport.ledger.events import Event, EventKind
from spaceport.ledger.overview import overview
from spaceport.names import SpaceKey
from spaceport.stage import Stage, Wanted
from spaceport.states import BuildState, ReleaseState, ReplicaState

PAGE = 500
QUICK = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
LONG = (0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600)


class LedgerFigures:
    """`read` blocks, and is not to run twice at a time: call it on the pool `db`, under a lock."""

    def __init__(self, registry: CollectorRegistry, ledger: Ledger) -> None:
        self._ledger = ledger
        self._cursor: int | None = None
        self._stages: dict[SpaceKey, Stage] = {}
        self._woken: dict[SpaceKey, datetime] = {}
        self._push_to_live = Histogram(
            "spaceport_push_to_live_seconds",
            "From the push to the first answer of the version that it made.",
            buckets=LONG,
            registry=registry,
        )
        self._queue_wait = Histogram(
            "spaceport_build_queue_wait_seconds",
            "From the push to the start of its build.",
            buckets=LONG,
            registry=registry,
        )
        self._build = Histogram(
            "spaceport_build_seconds",
            "From the start of a build to its end.",
            ["result"],
            buckets=LONG,
            registry=registry,
        )
        self._wake = Histogram(
            "spaceport_wake_from_sleep_seconds",
            "From the visit that woke a sleeping Space to the first answer of its app.",
            buckets=QUICK,
            registry=registry,
        )
        self._hardware = Histogram(
            "spaceport_hardware_queue_wait_seconds",
            "From the wish for hardware that was taken to the start on it, of those that waited.",
            buckets=LONG,
            registry=registry,
        )
        self._errors = Counter(
            "spaceport_deploy_errors",
            "Builds and versions that failed, by cause.",
            ["cause"],
            registry=registry,
        )
        self._by_stage = Gauge("spaceport_spaces", "Spaces by stage.", ["stage"], registry=registry)
        self._by_state = Gauge(
            "spaceport_replicas", "Living replicas by state.", ["state"], registry=registry
        )

    def read(self) -> None:
        """Take notice of what happened since the last time."""
        with self._ledger.read() as tx:
            if self._cursor is None:
                self._cursor = events.last_seq(tx)
                self._look_at(tx, set(spaces.keys(tx)))
            else:
                self._look_at(tx, self._follow(tx))
            self._count(tx)

    def _follow(self, tx: Tx) -> set[SpaceKey]:
        touched: set[SpaceKey] = set()
        while found := events.after(tx, self._cursor or 0, PAGE):
            for event in found:
                if event.space_key is not None:
                    touched.add(event.space_key)
                self._happened(tx, event)
            self._cursor = found[-1].seq
        return touched

    def _look_at(self, tx: Tx, keys: set[SpaceKey]) -> None:
        """A stage depends on the ledger alone, and every change of it is an event."""
        for key in keys:
            try:
                view = overview(tx, key)
                if view.space.parent_key is None:  # a preview is no Space of its own
                    self._stages[key] = view.standing.stage
            except NotFound:
                self._stages.pop(key, None)
                self._woken.pop(key, None)

    def _count(self, tx: Tx) -> None:
        by_stage = Counts(self._stages.values())
        for stage in Stage:
            self._by_stage.labels(stage.value).set(by_stage[stage])
        by_state = Counts(replica.state for replica in replicas.alive(tx))
        for state in ReplicaState:
            if state is not ReplicaState.GONE:
                self._by_state.labels(state.value).set(by_state[state])

    def _happened(self, tx: Tx, event: Event) -> None:
        state = event.detail.get("state")
        match event.kind:
            case EventKind.BUILD_CHANGED:
                self._build_changed(tx, str(event.detail.get("build")), state)
            case EventKind.RELEASE_CHANGED:
                self._release_changed(tx, str(event.detail.get("release")), state)
            case EventKind.SPACE_WANTED:
                self._wanted(event)
            case EventKind.REPLICA_CHANGED if "waited" in event.detail:
                self._hardware.observe(float(event.detail["waited"]))
            case EventKind.REPLICA_CHANGED if state == ReplicaState.READY.value:
                woken = self._woken.pop(event.space_key or "", None)
                if woken is not None:
                    self._wake.observe((event.at - woken).total_seconds())

    def _build_changed(self, tx: Tx, build_id: str, state: object) -> None:
        build = builds.get(tx, build_id)
        if build is None:
            return
        if state == BuildState.RUNNING.value and build.started_at is not None:
            self._queue_wait.observe(_between(build.queued_at, build.started_at))
        if state in (BuildState.SUCCEEDED.value, BuildState.FAILED.value):
            self._build_ended(build, str(state))

    def _build_ended(self, build: Build, state: str) -> None:
        if build.started_at is not None and build.ended_at is not None:
            self._build.labels(state).observe(_between(build.started_at, build.ended_at))
        if build.failure is not None:
            self._errors.labels(build.failure.cause.name).inc()

    def _release_changed(self, tx: Tx, release_id: str, state: object) -> None:
        try:
            release = releases.get(tx, release_id)
        except LookupError:
            return
        if state == ReleaseState.FAILED.value and release.failure is not None:
            self._errors.labels(release.failure.cause.name).inc()
        build = builds.get(tx, release.build_id)
        if state != ReleaseState.LIVE.value or release.live_at is None or build is None:
            return
        if releases.first_of_build(tx, build.id) == release.id:
            self._push_to_live.observe(_between(build.queued_at, release.live_at))

    def _wanted(self, event: Event) -> None:
        """A wake is a wish to run by nobody in particular; people's own are restarts."""
        key, wanted = event.space_key or "", event.detail.get("wanted")
        if wanted == Wanted.RUNNING.value:
            self._woken[key] = event.at
        else:
            self._woken.pop(key, None)


def _between(earlier: datetime, later: datetime) -> float:
    return max(0.0, (later - earlier).total_seconds())
