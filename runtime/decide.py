"""What to do about one Space now: a pure function of what is wanted, noted, running, and the time.

Level triggered: it is asked again after its steps were done, until it has none. So each phase may
return early, and leave the rest to the next look. Nothing is swapped before the new version
answered, nothing is stopped before it is drained (spaces-behaviour 8.2).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from runtime import diagnosis, ladder, steps
from runtime.diagnosis import Expectations
from runtime.placement import Placement
from runtime.steps import Step
from runtime.view import End, Sighting, View, expectations
from spaceport.artifact import ArtifactKind
from spaceport.cause import Cause, Failure
from spaceport.engine import ContainerState
from spaceport.ledger.releases import Release
from spaceport.ledger.replicas import Replica
from spaceport.stage import Wanted
from spaceport.states import BuildState, ReleaseState, ReplicaState

DRAIN_POLL = 0.1  # seconds between two looks at requests under way
SERVING = (ReplicaState.READY, ReplicaState.FROZEN)


@dataclass(frozen=True)
class Decision:
    """What to do now, and after how many seconds to look again if nothing happens (None: never)."""

    steps: tuple[Step, ...] = ()
    again: float | None = None


def decide(view: View) -> Decision:
    """The next steps; none when everything is as it should be."""
    deciding = _Deciding(view)
    deciding.run()
    return Decision(tuple(deciding.steps), deciding.again)


class _Deciding:
    """Collects steps. Each phase returns whether the next one should still be looked at."""

    def __init__(self, view: View) -> None:
        self.view = view
        self.space = view.overview.space
        self.replicas = view.overview.replicas
        self.deleting = self.space.deleted_at is not None
        self.wanted = self.space.wanted is Wanted.RUNNING and not self.deleting
        self.wanted = self.wanted and not view.overview.clashes
        self.steps: list[Step] = []
        self.again: float | None = None

    def run(self) -> None:
        if not self.view.engine_up:
            self._look_in(self.view.settings.engine_retry)
        self.steps += [steps.Remove(handle) for handle in self.view.strays]
        phases = (self._rows_match_containers, self._releases, self._answers, self._dismiss)
        for phase in phases:
            before = len(self.steps)
            phase()
            if len(self.steps) > before:
                return
        self._run_target()
        self._rest()

    def _look_in(self, seconds: float) -> None:
        seconds = max(0.0, seconds)
        self.again = seconds if self.again is None else min(self.again, seconds)

    # 1: what the ledger says runs, and what does

    def _rows_match_containers(self) -> None:
        if not self.view.engine_up:
            return
        for replica in self.replicas:
            step = self._compare(replica, self.view.sighting(replica))
            if step is not None:
                self.steps.append(step)

    def _compare(self, replica: Replica, seen: Sighting) -> Step | None:
        container = seen.container
        if container is None and seen.end is not None:
            return self._ended(replica, seen.end)  # the engine refused to start it
        if container is None or container.state is ContainerState.CREATED:
            return steps.Gone(replica.id)
        if replica.handle is None:
            return steps.Adopt(replica.id, container.handle)
        if container.state is ContainerState.EXITED:
            return None if seen.end is None else self._ended(replica, seen.end)
        draining = replica.state is ReplicaState.DRAINING
        if seen.evicted is not None and not draining:
            return steps.Fail(replica.release_id, seen.evicted, replica.id, ended=False)
        return ladder.disagreement(replica, container.state) or self._overdue(replica, seen)

    def _ended(self, replica: Replica, end: End) -> Step:
        release = self.view.release_of(replica)
        unasked = self.wanted and replica.state is not ReplicaState.DRAINING
        if not unasked or release is None or not end.counts:
            return steps.Gone(replica.id)
        if release.state is ReleaseState.PENDING and not end.outside:
            return steps.Fail(release.id, end.failure, replica.id)
        return self._crash(replica, release, end.failure, ended=True)

    def _overdue(self, replica: Replica, seen: Sighting) -> Step | None:
        """A start that takes longer than the README allows, or that will never be reached."""
        release = self.view.release_of(replica)
        if not self._is_starting(replica) or release is None or seen.answered:
            return None
        expected = expectations(release, Placement.from_json(replica.placement), self.view.settings)
        waited = (self.view.now - replica.created_at).total_seconds()
        hopeless = self._hopeless(seen, expected)
        if waited < expected.startup_seconds and hopeless is None:
            self._look_in(expected.startup_seconds - waited)
            return None
        failure = hopeless or diagnosis.of_silence(seen.findings, expected)
        if release.state is ReleaseState.PENDING:
            return steps.Fail(release.id, failure, replica.id, ended=False)
        return self._crash(replica, release, failure, ended=False)

    def _hopeless(self, seen: Sighting, expected: Expectations) -> Failure | None:
        """Listening where nobody looks, for so long that the operator wants it to fail."""
        early = self.view.settings.start.misplaced_fail
        if early is None or seen.misplaced_for is None:
            return None
        if seen.misplaced_for >= early:
            return diagnosis.misplaced(seen.findings.listening, expected)
        self._look_in(early - seen.misplaced_for)
        return None

    def _crash(self, replica: Replica, release: Release, failure: Failure, *, ended: bool) -> Step:
        crash = self.view.settings.crash
        ran = self.view.now - replica.ready_at if replica.ready_at else timedelta(0)
        first = ran.total_seconds() >= crash.reset
        if (0 if first else release.crashes) >= crash.limit:
            return steps.Fail(release.id, failure, replica.id, ended)
        return steps.Crashed(replica.id, failure, ended, first)

    # 2: a release for the newest build and settings

    def _releases(self) -> None:
        if not self.wanted:
            return
        due = self._due_build()
        newest = self.view.overview.release
        if due is not None:
            self.steps.append(steps.CreateRelease(due))
        elif newest is not None and _pending_folder(newest):
            self.steps.append(steps.GoLive(newest.id))

    def _due_build(self) -> str | None:
        fresh, newest = self.view.fresh, self.view.overview.release
        if fresh is not None and not self.space.held:
            return None if self._build_is_young() else fresh.id
        if newest is None:
            return None
        restarted = newest.restart_generation != self.space.restart_generation
        changed = newest.settings_version != self.space.settings_version
        if restarted and not self._build_is_coming():
            return newest.build_id
        if changed and not restarted and not self._build_is_young():
            return newest.build_id
        return None

    def _build_is_coming(self) -> bool:
        """Whether a restart should wait for a build of the head of main (8.2.15)."""
        build, space = self.view.overview.build, self.space
        if space.held:
            return False  # it was rolled back: no build of this head is waited for
        if build is None or build.state.open:
            return True
        if build.state in (BuildState.SUPERSEDED, BuildState.INTERRUPTED):
            return True
        behind = build.factory_generation < space.factory_generation
        return behind or (space.head is not None and build.revision != space.head)

    def _build_is_young(self) -> bool:
        """Whether a build began just now: what it yields may be here in a moment."""
        build = self.view.overview.build
        if build is None or not build.state.open or self.space.held:
            return False
        age = (self.view.now - build.queued_at).total_seconds()
        left = self.view.settings.start.build_patience - age
        if left > 0:
            self._look_in(left)
        return left > 0

    # 3: the first answer

    def _answers(self) -> None:
        if not self.wanted:
            return
        for replica in reversed(self.replicas):
            release = self.view.release_of(replica)
            runs = release is not None and release.state in (
                ReleaseState.PENDING,
                ReleaseState.LIVE,
            )
            if runs and self._is_starting(replica) and self.view.sighting(replica).answered:
                self.steps.append(steps.Promote(replica.id))
                return

    # 4: what is not needed drains; what has drained is stopped

    def _dismiss(self) -> None:
        kept = {replica.id for replica in self._kept()}
        for replica in self.replicas:
            if replica.state is ReplicaState.DRAINING:
                self._stop_when_drained(replica)
            elif replica.id not in kept:
                self.steps.append(steps.Drain(replica.id))

    def _kept(self) -> Iterable[Replica]:
        """At most one replica for each release that may run."""
        newest, live = self.view.overview.release, self.view.overview.live
        if not self.wanted:
            return
        candidate = newest if newest is not None and _is_pending(newest) else None
        if candidate is not None:
            yield from self._best_of(candidate)
        if live is not None and _needs_container(live) and not self._must_make_way(candidate):
            yield from self._best_of(live)

    def _best_of(self, release: Release) -> list[Replica]:
        """The newest one that serves, else the newest one that starts."""
        own = [
            replica
            for replica in self.replicas
            if replica.release_id == release.id and replica.state is not ReplicaState.DRAINING
        ]
        serving = [replica for replica in own if replica.state in SERVING]
        return (serving or own)[-1:]

    def _must_make_way(self, candidate: Release | None) -> bool:
        """What cannot run beside the next version runs before it (8.2.3): on a host that cannot
        hold both, or where both would write to one disk."""
        room, up = self.view.room, self.view.engine_up
        if candidate is None or self._best_of(candidate) or not up:
            return False
        if room.failure is not None:
            return room.without_own
        return bool(self.view.writers)

    def _stop_when_drained(self, replica: Replica) -> None:
        if not self.view.engine_up or replica.handle is None:
            return
        seen, stop = self.view.sighting(replica), self.view.settings.stop
        container = seen.container
        if container is None or container.state is ContainerState.EXITED:
            return  # found to be gone in the first phase, once its end is looked into
        least = stop.drain_least if replica.ready_at else 0.0
        most = max(least, stop.drain if self.wanted else stop.drain_end)
        idle = seen.in_flight == 0
        if seen.evicted or not replica.ready_at or seen.draining_for >= (least if idle else most):
            frozen = container.state is ContainerState.FROZEN
            self.steps.append(steps.Stop(replica.id, replica.handle, frozen))
        else:
            self._look_in(least - seen.draining_for if idle else DRAIN_POLL)

    # 5: the release that should run does

    def _run_target(self) -> None:
        release = self.view.target
        if not self.wanted or release is None or not _needs_container(release):
            return
        waits = None if self._best_of(release) else self._start(release)
        self._tell(release, waits or self._trouble(release))

    def _start(self, release: Release) -> Failure | None:
        """Start it, or return what it waits for."""
        view = self.view
        if not view.engine_up:
            return Failure(Cause.ENGINE_DOWN)
        if not _is_pending(release) and self._build_is_young():
            return None
        if self._backing_off(release):
            return None
        if view.room.failure is None:
            if not view.writers:
                self.steps.append(steps.Start(release.id))
            return None
        if view.room.lasting:
            self.steps.append(steps.Fail(release.id, view.room.failure))
            return None
        return None if view.room.without_own else view.room.failure

    def _backing_off(self, release: Release) -> bool:
        gone, crash = self.view.gone, self.view.settings.crash
        if gone is None or gone.failure is None or gone.release_id != release.id:
            return False
        if release.crashes == 0 or gone.gone_at is None:
            return False
        pause = min(crash.backoff * 2.0 ** (release.crashes - 1), crash.backoff_most)
        left = pause - (self.view.now - gone.gone_at).total_seconds()
        if left > 0:
            self._look_in(left)
        return left > 0

    def _trouble(self, release: Release) -> Failure | None:
        """What a person should know while it starts: the last crash, or a port gone wrong."""
        view = self.view
        starting = [replica for replica in self._best_of(release) if self._is_starting(replica)]
        for replica in starting:
            seen = view.sighting(replica)
            if seen.misplaced_for is None:
                continue
            left = view.settings.start.misplaced_notice - seen.misplaced_for
            if left > 0:
                self._look_in(left)
                continue
            placement = Placement.from_json(replica.placement)
            expected = expectations(release, placement, view.settings)
            return diagnosis.misplaced(seen.findings.listening, expected)
        if self._best_of(release) and not starting:
            return None
        gone = view.gone
        return gone.failure if gone is not None and gone.release_id == release.id else None

    def _tell(self, release: Release, failure: Failure | None) -> None:
        failed = any(isinstance(step, steps.Fail) for step in self.steps)
        if release.failure != failure and not failed:
            self.steps.append(steps.Notice(release.id, failure))

    # 6: nothing else to do

    def _rest(self) -> None:
        if self.deleting:
            self._purge_when_empty()
        elif self.wanted and not self.steps:
            found = ladder.rest(self.view)
            self.steps += found.steps
            if found.again is not None:
                self._look_in(found.again)

    def _purge_when_empty(self) -> None:
        build = self.view.overview.build
        building = build is not None and build.state.open
        if self.view.engine_up and not self.replicas and not self.steps and not building:
            self.steps.append(steps.Purge())

    @staticmethod
    def _is_starting(replica: Replica) -> bool:
        return replica.state is ReplicaState.STARTING


def _is_pending(release: Release) -> bool:
    return release.state is ReleaseState.PENDING


def _needs_container(release: Release) -> bool:
    return release.artifact.kind is not ArtifactKind.FOLDER


def _pending_folder(release: Release) -> bool:
    return _is_pending(release) and not _needs_container(release)
