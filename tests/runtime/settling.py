"""One Space that settles as in a lane, one step at a time, on an engine made of a dict."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from runtime import act, freezer, steps
from runtime.decide import decide
from runtime.diagnosis import Findings
from runtime.facts import read_facts
from runtime.lane import by_replica, strays
from runtime.tools import Host
from runtime.view import End, Sighting, View
from spaceport.artifact import ArtifactKind
from spaceport.cause import Cause, Failure
from spaceport.engine import (
    LABEL_REPLICA,
    ContainerState,
    EngineDown,
    EngineRefused,
    Listening,
    NoSuchContainer,
    Observed,
)
from spaceport.ledger import Ledger, replicas, spaces
from spaceport.ledger.columns import now
from spaceport.ledger.overview import Overview
from spaceport.ledger.spaces import Visibility
from spaceport.names import new_key
from spaceport.sdk import Sdk
from spaceport.stage import Wanted
from tests.runtime.dict_engine import AT_ONCE, OWNER, DictEngine, plain_tools

CRASH = Failure(Cause.APP_CRASHED, {"exit_code": 1, "problem": "x"})
ELSEWHERE = Findings(listening=(Listening("0.0.0.0", 5000),))
FREEZE_AFTER, SWAP_AFTER, SLEEP_AFTER = 10.0, 50.0, 100.0


class SettlingSpace:
    """`settle` does what is decided, and checks at each step what must hold on the way."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.key = new_key()
        self.engine = DictEngine(ledger)
        self.tools = plain_tools(ledger, self.engine, Host())
        self.seen: dict[str, Sighting] = {}  # what a lane would remember
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
