"""Random histories of one Space, with the real ledger and steps and an engine made of a dict.

After everything settled there is at most one version, it is the newest that works, and nothing
runs that the ledger does not know; on the way a version that serves is never missing.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import hypothesis.strategies as st
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from runtime import freezer
from runtime.view import End, Sighting
from spaceport.artifact import Artifact, ArtifactKind
from spaceport.cause import Cause, Failure
from spaceport.engine import LABEL_REPLICA, LABEL_SPACE, ContainerState, Observed
from spaceport.errors import Conflict
from spaceport.ledger import Ledger, builds, releases, replicas, rollback, spaces, volumes
from spaceport.ledger.overview import overview
from spaceport.names import new_key
from spaceport.stage import Wanted
from spaceport.states import BuildState, ReplicaState
from tests.runtime.dict_engine import shared_ledger
from tests.runtime.settling import CRASH, FREEZE_AFTER, SLEEP_AFTER, SWAP_AFTER, SettlingSpace

NATURES = ("good", "stiff", "ends", "elsewhere", "refused")


class SpaceMachine(RuleBasedStateMachine, SettlingSpace):
    """Each rule is something that happens to the Space; then it settles."""

    ledger: Ledger

    def __init__(self) -> None:
        RuleBasedStateMachine.__init__(self)
        SettlingSpace.__init__(self, self.ledger)
        self.expected: str | None = None  # the build that should serve
        self.newest: tuple[str, str] | None = None  # the newest build and its nature

    # what happens

    @rule(nature=st.sampled_from((*NATURES, "good", "folder")))
    def push(self, nature: str) -> None:
        kind = ArtifactKind.FOLDER if nature == "folder" else ArtifactKind.ENVIRONMENT
        made = Artifact(kind=kind, image="i", command=(nature,), folder="f")
        with self.ledger.write() as tx:
            revision = new_key() + "0" * 16
            spaces.move_head(tx, self.key, revision, {"sdk": "gradio"})
            queued = builds.queue(tx, self.key, revision)
            builds.move(tx, queued, BuildState.RUNNING)
            running = builds.get(tx, queued.id)
            assert running is not None
            builds.move(tx, running, BuildState.SUCCEEDED, artifact=made)
        self.newest = (queued.id, nature)
        self.settle()

    @rule()
    def push_what_does_not_build(self) -> None:
        with self.ledger.write() as tx:
            revision = new_key() + "0" * 16
            spaces.move_head(tx, self.key, revision, None)
            queued = builds.queue(tx, self.key, revision)
            builds.move(tx, queued, BuildState.FAILED, failure=Failure(Cause.BUILD_FAILED))
        self.settle()

    @rule(data=st.data())
    def roll_back(self, data: st.DataObject) -> None:
        with self.ledger.write() as tx:
            found = releases.history(tx, self.key)
            ran = [one.number for one in found if one.live_at is not None]
            if not ran:
                return
            try:
                done = rollback.roll_back(tx, self.key, data.draw(st.sampled_from(ran))).release
            except Conflict:
                return
        self.newest = (done.build_id, "good")
        self.settle()

    @rule(wanted=st.sampled_from(Wanted))
    def want(self, wanted: Wanted) -> None:
        with self.ledger.write() as tx:
            spaces.want(tx, self.key, wanted)
        self.settle()

    @rule(restart=st.booleans())
    def restart_or_change_settings(self, restart: bool) -> None:
        with self.ledger.write() as tx:
            if restart:
                spaces.restart(tx, self.key)
            else:
                spaces.settings_changed(tx, self.key)
        self.settle()

    @rule(wanted=st.booleans())
    def choose_or_delete_storage(self, wanted: bool) -> None:
        with self.ledger.write() as tx:
            found = volumes.of_space(tx, self.key)
            if wanted:
                size = found.size + 1 if found else 1
                volumes.set_tier(tx, spaces.get(tx, self.key), "small", size)
            elif found:
                volumes.remove(tx, self.key)
        self.settle()

    @precondition(lambda self: self.engine.up)
    @rule(watched=st.booleans(), code=st.sampled_from((0, 1, 137, 143)))
    def every_container_ends(self, watched: bool, code: int) -> None:
        for handle in list(self.engine.containers):
            self.engine.end(handle, code)
            replica_id = self.engine.containers[handle].labels[LABEL_REPLICA]
            self.seen[replica_id] = Sighting(
                end=End(CRASH, counts=watched, outside=code in (137, 143))
            )
        self.settle()

    @precondition(lambda self: self.engine.up)
    @rule()
    def every_container_is_lost(self) -> None:
        self.engine.containers.clear()
        self.settle()

    @rule(up=st.booleans())
    def the_engine_goes_or_comes(self, up: bool) -> None:
        self.engine.up = up
        self.settle()

    @rule(seconds=st.sampled_from((FREEZE_AFTER, SWAP_AFTER, SLEEP_AFTER)))
    def nobody_comes(self, seconds: float) -> None:
        self.idle = seconds
        self.settle()
        self.idle = 0.0

    @rule(refused=st.booleans(), noted=st.booleans())
    def a_visitor_comes(self, refused: bool, noted: bool) -> None:
        """What the proxy does with a frozen replica; killed before it is noted, or not."""
        for one in self.look().overview.serving:
            if one.state is ReplicaState.FROZEN and self.engine.up:
                self.thaw(one.id, one.handle or "", refused=refused, noted=noted)
        self.settle()

    @precondition(lambda self: self.engine.up)
    @rule(state=st.sampled_from((ContainerState.FROZEN, ContainerState.RUNNING)))
    def somebody_else_freezes_and_thaws(self, state: ContainerState) -> None:
        for handle, found in self.engine.containers.items():
            if found.state is not ContainerState.EXITED:
                self.engine.containers[handle] = replace(found, state=state)
        self.settle()

    @rule()
    def spaceport_is_killed_before_it_freezes(self) -> None:
        with self.ledger.write() as tx:
            for one in replicas.alive(tx, self.key):
                if one.state is ReplicaState.READY:
                    freezer.frozen(tx, one.id)
        self.seen.clear()
        self.settle()

    @rule(after=st.integers(0, 3))
    def spaceport_is_killed(self, after: int) -> None:
        """In the middle of settling, after so many steps; it forgets what it saw."""
        self.settle(most=after)
        self.seen.clear()
        self.settle()

    @rule()
    def a_container_of_nobody_is_there(self) -> None:
        labels = {LABEL_SPACE: self.key, LABEL_REPLICA: new_key()}
        handle = new_key()
        self.engine.containers[handle] = Observed(handle, ContainerState.RUNNING, labels)
        self.settle()

    # what is always true

    @invariant()
    def at_rest_everything_agrees(self) -> None:
        if not self.engine.up:
            return
        with self.ledger.read() as tx:
            view = overview(tx, self.key)
        handles = sorted(one.handle or "" for one in view.replicas)
        assert handles == sorted(self.engine.containers)
        if view.space.wanted is not Wanted.RUNNING:
            assert not view.replicas
            return
        states = [one.state for one in view.replicas]
        assert states in ([], [ReplicaState.READY], [ReplicaState.FROZEN])
        held = [self.engine.containers[handle].state for handle in handles]
        assert (states == [ReplicaState.FROZEN]) == (held == [ContainerState.FROZEN])
        if self.newest is not None and self.newest[1] in ("good", "stiff", "folder"):
            self.expected = self.newest[0]
        live = view.live
        assert (live.build_id if live else None) == self.expected
        if live is not None and live.artifact.kind is not ArtifactKind.FOLDER:
            assert [one.release_id for one in view.replicas] == [live.id]
        assert self.serves(view) == (self.expected is not None)


def test_random_histories() -> None:
    SpaceMachine.ledger = shared_ledger()
    try:
        machine = SpaceMachine.TestCase
        machine.settings = settings(
            max_examples=40,
            stateful_step_count=14,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        )
        machine("runTest").debug()
    finally:
        SpaceMachine.ledger.close()
        folder = Path(str(SpaceMachine.ledger.url.database)).parent
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()
