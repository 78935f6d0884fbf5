"""Random histories of one Space, with the real ledger and steps and an engine made of a dict.

After everything settled there is at most one version, it is the newest that works, and nothing
runs that the ledger does not know; on the way a version that serves is never missing.
"""

from __future__ import annotations

import tempfile
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import hypothesis.strategies as st
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from config.catalogue import Catalogue
from config.runtime import CrashSettings, RuntimeSettings, StartSettings, StopSettings
from runtime import act, freezer, steps
from runtime.decide import decide
from runtime.diagnosis import Findings
from runtime.facts import read_facts
from runtime.lane import by_replica, strays
from runtime.relief import Relief
from runtime.secret_files import SecretFiles
from runtime.storage.keeping import Storage
from runtime.storage.needs import Needs
from runtime.tools import Host, NoTraffic, Tools
from runtime.turns import Turns
from runtime.view import End, Sighting, View
from spaceport.artifact import Artifact, ArtifactKind
from spaceport.cause import Cause, Failure
from spaceport.engine import (
    LABEL_REPLICA,
    LABEL_SPACE,
    ContainerSpec,
    ContainerState,
    EngineDown,
    EngineRefused,
    Exit,
    Listening,
    Mount,
    NoSuchContainer,
    Observed,
)
from spaceport.errors import Conflict
from spaceport.ledger import Ledger, builds, releases, replicas, rollback, spaces, volumes
from spaceport.ledger.columns import now
from spaceport.ledger.overview import Overview, overview
from spaceport.ledger.spaces import Visibility
from spaceport.ledger.tables import accounts
from spaceport.names import SpaceKey, new_key
from spaceport.sdk import Sdk
from spaceport.stage import Wanted
from spaceport.states import BuildState, ReplicaState

AT_ONCE = RuntimeSettings(
    start=StartSettings(misplaced_fail=0.5, build_patience=0),
    stop=StopSettings(drain=0, drain_least=0, drain_end=0),
    crash=CrashSettings(limit=1000, backoff=0),
)
CRASH = Failure(Cause.APP_CRASHED, {"exit_code": 1, "problem": "x"})
ELSEWHERE = Findings(listening=(Listening("0.0.0.0", 5000),))
NATURES = ("good", "stiff", "ends", "elsewhere", "refused")
OWNER = "1" * 24
FREEZE_AFTER, SWAP_AFTER, SLEEP_AFTER = 10.0, 50.0, 100.0


@dataclass
class DictEngine:
    """Containers as rows of a dict; `nature` is the first word of the command."""

    ledger: Ledger
    name: str = "dict"
    up: bool = True
    containers: dict[str, Observed] = field(default_factory=dict)
    natures: dict[str, str] = field(default_factory=dict)

    def start(self, spec: ContainerSpec) -> str:
        if not self.up:
            raise EngineDown("away")
        with self.ledger.read() as tx:
            replicas.get(tx, spec.labels[LABEL_REPLICA])  # never a container without a row
        nature = (spec.command or ("",))[0]
        if nature == "refused":
            raise EngineRefused("no")
        handle = new_key()
        self.containers[handle] = Observed(handle, ContainerState.RUNNING, spec.labels)
        self.natures[handle] = nature
        return handle

    def hold(self, handle: str, state: ContainerState) -> None:
        if not self.up:
            raise EngineDown("away")
        found = self.containers.get(handle)
        if found is None or found.state is ContainerState.EXITED:
            raise NoSuchContainer(handle)
        if self.natures.get(handle) == "stiff":
            raise EngineRefused("no")
        self.containers[handle] = replace(found, state=state)

    def end(self, handle: str, code: int) -> None:
        found = self.containers[handle]
        self.containers[handle] = replace(found, state=ContainerState.EXITED, exit=Exit(code))


def shared_ledger() -> Ledger:
    ledger = Ledger(f"sqlite:///{Path(tempfile.mkdtemp(prefix='spaceport-model')) / 'l.sqlite3'}")
    with ledger.write() as tx:
        tx.execute(
            accounts.insert().values(
                id=OWNER, name="ada", name_lower="ada", kind="user", created_at=now()
            )
        )
    return ledger


class NoMounts(Storage):
    def mounts(self, needs: Needs) -> tuple[Mount, ...]:
        return ()

    def remove_of(self, key: SpaceKey) -> None:
        pass


def plain_tools(ledger: Ledger, engine: DictEngine, host: Host) -> Tools:
    """What a lane works with, where nothing is on disk and nobody visits."""
    made: Tools = cast(Any, Tools)(
        ledger=ledger,
        pools=None,
        engine=engine,
        publisher=None,
        traffic=NoTraffic(),
        settings=AT_ONCE,
        catalogue=Catalogue.load(),
        instance="i",
        data=Path("/data"),
        hub_url="http://h",
        space_host=str,
        secrets=lambda _tx, _key: {},
        secret_files=SecretFiles("i", memory=Path("/absent")),
        cleanup=lambda _key: None,
        room_made=lambda: None,
        storage=NoMounts(ledger, Path("/nonexistent"), AT_ONCE.storage),
        host=host,
        turns=Turns(lambda: 1, longest=20),
        relief=Relief(AT_ONCE.memory),
        began=0.0,
    )
    return made


class SpaceMachine(RuleBasedStateMachine):
    """Each rule is something that happens to the Space; then it settles."""

    ledger: Ledger

    def __init__(self) -> None:
        super().__init__()
        self.key = new_key()
        self.engine = DictEngine(self.ledger)
        self.tools = plain_tools(self.ledger, self.engine, Host())
        self.seen: dict[str, Sighting] = {}  # what a lane would remember
        self.expected: str | None = None  # the build that should serve
        self.newest: tuple[str, str] | None = None  # the newest build and its nature
        self.idle = 0.0
        self.unfreezable: set[str] = set()
        self.swapped: set[str] = set()
        with self.ledger.write() as tx:
            spaces.create(
                tx,
                self.key,
                OWNER,
                f"s{self.key}",
                creator_id=OWNER,
                visibility=Visibility.PUBLIC,
                sdk=Sdk.GRADIO,
            )

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

    # settling

    def settle(self, most: int = 60) -> None:
        for _ in range(most):
            view = self.look()
            served = self.serves(view.overview)
            found = decide(view).steps
            if not found:
                return
            for step in found[:1]:
                self.perform(step)
            after = self.look().overview
            self.check_one_writer()
            if (
                served
                and not view.writers
                and after.space.wanted is Wanted.RUNNING
                and self.alive(view)
            ):
                assert self.serves(after), f"{found} left nothing that serves"
        assert most < 60, f"does not settle: {found}"

    def check_one_writer(self) -> None:
        """However a swap goes, no disk is in two containers that have not ended."""
        held: list[str] = []
        with self.ledger.read() as tx:
            for found in self.engine.containers.values():
                if found.state is not ContainerState.EXITED:
                    with suppress(LookupError):
                        held += replicas.get(tx, found.labels[LABEL_REPLICA]).holds
        assert len(held) == len(set(held))

    def alive(self, view: View) -> bool:
        """Whether what serves really runs, as far as the engine says."""
        return self.engine.up and all(
            view.sighting(one).container is not None
            and view.sighting(one).container.state is ContainerState.RUNNING  # type: ignore[union-attr]
            for one in view.overview.replicas
        )

    def serves(self, view: Overview) -> bool:
        folder = view.live is not None and view.live.artifact.kind is ArtifactKind.FOLDER
        return folder or bool(view.serving)

    def look(self) -> View:
        with self.ledger.read() as tx:
            facts = read_facts(tx, self.key, self.tools)
        living = {one.id: one for one in facts.overview.replicas}
        found = list(self.engine.containers.values())
        claimed = by_replica(found, living)
        return View(
            now=now(),
            overview=facts.overview,
            settings=AT_ONCE,
            engine_up=self.engine.up,
            sightings={key: self.sight(key, claimed.get(key)) for key in living},
            strays=strays(found, claimed) if self.engine.up else (),
            fresh=facts.fresh,
            gone=facts.gone,
            room=facts.room,
            idle_seconds=self.idle if facts.overview.serving else None,
            freeze_after=FREEZE_AFTER,
            swap_after=SWAP_AFTER,
            sleep_after=SLEEP_AFTER,
        )

    def sight(self, replica_id: str, container: Observed | None) -> Sighting:
        known = self.seen.get(replica_id, Sighting())
        known = replace(
            known,
            unfreezable=replica_id in self.unfreezable,
            swapped=replica_id in self.swapped,
        )
        if container is None:
            return known
        nature = self.engine.natures.get(container.handle, "")
        if container.state is ContainerState.EXITED:
            return replace(known, container=container, end=known.end or End(CRASH, counts=False))
        if nature == "ends" and self.engine.up:
            self.engine.end(container.handle, 1)
            self.seen[replica_id] = Sighting(end=End(CRASH))
            return replace(
                self.seen[replica_id], container=self.engine.containers[container.handle]
            )
        if nature == "elsewhere":
            return Sighting(container, findings=ELSEWHERE, misplaced_for=1.0)
        runs = container.state is ContainerState.RUNNING
        return replace(known, container=container, answered=runs and nature in ("good", "stiff"))

    def perform(self, step: steps.Step) -> None:
        match step:
            case steps.Start(release_id):
                try:
                    started = act.start(self.tools, self.key, release_id)
                except EngineDown:
                    return
                if started is not None and started.failure is not None:
                    self.seen[started.replica.id] = Sighting(end=End(started.failure))
            case steps.Freeze(replica_id, handle):
                self.freeze(replica_id, handle)
            case steps.SwapOut(replica_id, handle):
                assert self.engine.containers[handle].state is ContainerState.FROZEN
                assert replica_id not in self.swapped
                self.swapped.add(replica_id)
            case steps.Thaw(replica_id, handle):
                self.thaw(replica_id, handle)
            case steps.Stop(replica_id, handle, frozen):
                container = self.engine.containers.get(handle)
                if container is not None and container.state is ContainerState.FROZEN:
                    assert frozen, "it would not hear TERM"
                self.engine.containers.pop(handle, None)
                act.gone(self.tools, replica_id)
            case steps.Remove(handle):
                self.engine.containers.pop(handle, None)
            case _:
                act.write(self.tools, self.key, step)

    # as `Freezer` does, but for what happens at the same time

    def freeze(self, replica_id: str, handle: str) -> None:
        with self.ledger.write() as tx:
            freezer.frozen(tx, replica_id)
        try:
            self.engine.hold(handle, ContainerState.FROZEN)
        except EngineRefused:
            self.unfreezable.add(replica_id)
            with self.ledger.write() as tx:
                freezer.ready_again(tx, replica_id)

    def thaw(
        self, replica_id: str, handle: str, *, refused: bool = False, noted: bool = True
    ) -> None:
        move = freezer.ready_again
        self.swapped.discard(replica_id)
        try:
            self.engine.hold(handle, ContainerState.RUNNING)
        except (EngineRefused, NoSuchContainer):
            refused = True
        if refused:
            move = freezer.dismissed
        if noted:
            with self.ledger.write() as tx:
                move(tx, replica_id)

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
