"""One Space's life without containers: the real ledger, decisions and steps, and an engine made of
a dict, driven by the events of spaces-behaviour 8.2."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

from builder.due import due, unwanted
from builder.inputs import Settings
from config.runtime import CrashSettings, RuntimeSettings, StopSettings
from runtime import act, steps
from runtime.decide import decide
from runtime.facts import read_facts
from runtime.idleness import freeze_after, sleep_after
from runtime.lane import by_replica, strays
from runtime.routing import Surroundings, route_of
from runtime.tools import Host
from runtime.view import End, Room, Sighting, View
from spaceport.artifact import Artifact, ArtifactKind
from spaceport.cause import Cause, Failure
from spaceport.engine import Observed
from spaceport.ledger import Ledger, builds, spaces
from spaceport.ledger.columns import now
from spaceport.ledger.overview import Overview, overview
from spaceport.ledger.spaces import Visibility
from spaceport.names import new_key
from spaceport.sdk import Sdk
from spaceport.stage import Wanted
from spaceport.states import BuildState, ReplicaState
from tests.runtime.dict_engine import OWNER, DictEngine, plain_tools

AT_ONCE = RuntimeSettings(
    stop=StopSettings(drain=0, drain_least=0, drain_end=0),
    crash=CrashSettings(limit=1, backoff=0),
)
CRASH = Failure(Cause.APP_CRASHED, {"exit_code": 1, "problem": "boom"})
TOO_LATE = timedelta(hours=1)  # a README gives half an hour, if it gives no other
OCCUPIES = (ReplicaState.STARTING, ReplicaState.READY, ReplicaState.FROZEN)


@dataclass(frozen=True)
class Standing:
    """What the table is about. `billed`: a replica occupies the flavour (4.6.2)."""

    stage: str
    reachable: bool
    billed: bool


class Life:
    """Each method is something that happens; `settle` is what Spaceport then does about it."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.engine = DictEngine(ledger)
        self.key = new_key()
        self.answering: set[str] = set()  # handles
        self.ends: dict[str, End] = {}  # by replica id
        self.idle = 0.0
        self.room = Room()
        self.tools = plain_tools(ledger, self.engine, Host(can_freeze=True))
        with self.ledger.write() as tx:
            spaces.create(
                tx,
                self.key,
                OWNER,
                f"app-{self.key}",
                creator_id=OWNER,
                visibility=Visibility.PUBLIC,
                sdk=Sdk.GRADIO,
            )

    # what people do

    def push(self) -> None:
        with self.ledger.write() as tx:
            spaces.move_head(tx, self.key, new_key() + "0" * 16, {"sdk": "gradio"})
        self.settle()

    def pause(self) -> None:
        self._want(Wanted.PAUSED)

    def restart(self, *, factory: bool = False) -> None:
        with self.ledger.write() as tx:
            spaces.restart(tx, self.key, factory=factory)
        self.settle()

    def change_settings(self) -> None:
        with self.ledger.write() as tx:
            spaces.settings_changed(tx, self.key)
        self.settle()

    def change_hardware(self, flavor: str) -> None:
        with self.ledger.write() as tx:
            spaces.set_flavor(tx, self.key, flavor)
        self.settle()

    def set_sleep(self, seconds: int) -> None:
        with self.ledger.write() as tx:
            spaces.set_sleep(tx, self.key, seconds)
        self.settle()

    def delete(self) -> None:
        """Until all is stopped; `purge` comes after."""
        with self.ledger.write() as tx:
            spaces.mark_deleted(tx, self.key)
        self.settle()

    def purge(self) -> None:
        assert decide(self._look(False)).steps == (steps.Purge(),)
        act.purge(self.tools, self.key)

    def visit(self) -> None:
        """What a request to the app's host does: `Supervisor.on_demand`, where the route wakes."""
        self.idle = 0.0
        with self.ledger.write() as tx:
            route = route_of(overview(tx, self.key), self._around)
            if (
                route is not None
                and route.wakes
                and spaces.get(tx, self.key).wanted is Wanted.ASLEEP
            ):
                spaces.want(tx, self.key, Wanted.RUNNING)
        self.settle()

    def nobody_comes(self, seconds: float) -> None:
        self.idle = seconds
        self.settle()

    def _want(self, wanted: Wanted) -> None:
        with self.ledger.write() as tx:
            spaces.want(tx, self.key, wanted)
        self.settle()

    # what builder and app do

    def builds(self, failure: Failure | None = None) -> None:
        """The build that is due comes to its end."""
        with self.ledger.write() as tx:
            found = builds.newest(tx, self.key)
            assert found is not None and found.state.open, "no build is under way"
            if failure is None:
                made = Artifact(kind=ArtifactKind.ENVIRONMENT, image="i", command=("app",))
                builds.move(tx, found, BuildState.SUCCEEDED, artifact=made)
            else:
                builds.move(tx, found, BuildState.FAILED, failure=failure)
        self.settle()

    def answers(self) -> None:
        """Every container's app answers from now on."""
        self.answering |= set(self.engine.containers)
        self.settle()

    def ends_by_itself(self) -> None:
        """The newest app that runs exits with 1."""
        newest = self.view.replicas[-1]
        self.engine.end(newest.handle or "", 1)
        self.ends[newest.id] = End(CRASH)
        self.settle()

    def never_answers(self) -> None:
        """The start-up time is over."""
        self.settle(late=True)

    def runs(self) -> None:
        """Pushed, built, and it answered."""
        self.push()
        self.builds()
        self.answers()

    # what can be seen

    @property
    def view(self) -> Overview:
        with self.ledger.read() as tx:
            return overview(tx, self.key)

    @property
    def standing(self) -> Standing:
        view = self.view
        route = route_of(view, self._around)
        return Standing(
            view.standing.stage.value,
            route is not None and route.target is not None,
            any(one.state in OCCUPIES for one in view.replicas),
        )

    @property
    def _around(self) -> Surroundings:
        return Surroundings(Path("/data"), "http://h", cast(Any, str), cast(Any, str))

    # what Spaceport does

    def settle(self, *, late: bool = False) -> None:
        for _ in range(40):
            found = self._build_looks() or self._runtime_looks(late)
            if not found:
                return
        raise AssertionError(f"does not settle: {found}")

    def _build_looks(self) -> bool:
        with self.ledger.write() as tx:
            space, newest = spaces.get(tx, self.key), builds.newest(tx, self.key)
            if newest is not None and newest.state.open and unwanted(space, newest):
                paused = space.wanted is Wanted.PAUSED
                state = BuildState.INTERRUPTED if paused else BuildState.SUPERSEDED
                builds.move(tx, newest, state)
                return True
            wanted = due(space, newest, Settings())
            if wanted is None:
                return False
            queued = builds.queue(
                tx, self.key, wanted.revision, factory_generation=wanted.factory_generation
            )
            generation = {"restart_generation": space.restart_generation}
            builds.move(tx, queued, BuildState.RUNNING, plan=generation)
            return True

    def _runtime_looks(self, late: bool) -> bool:
        due = decide(self._look(late)).steps
        if not due or due == (steps.Purge(),):
            return False
        self._perform(due[0])
        return True

    def _look(self, late: bool) -> View:
        with self.ledger.read() as tx:
            facts = read_facts(tx, self.key, self.tools)
        living = {one.id: one for one in facts.overview.replicas}
        found = list(self.engine.containers.values())
        claimed = by_replica(found, living)
        space, live = facts.overview.space, facts.overview.live
        flavor = self.tools.catalogue.flavor(live.flavor if live else space.flavor)
        moment = now()
        if late:
            moment += TOO_LATE
        return View(
            now=moment,
            overview=facts.overview,
            settings=AT_ONCE,
            sightings={key: self._sight(key, claimed.get(key)) for key in living},
            strays=strays(found, claimed),
            fresh=facts.fresh,
            gone=facts.gone,
            room=self.room,
            idle_seconds=self.idle if facts.overview.serving else None,
            sleep_after=sleep_after(flavor, space.sleep_seconds, AT_ONCE.sleep_free),
            freeze_after=freeze_after(flavor, space.sleep_seconds, None),
        )

    def _sight(self, replica_id: str, container: Observed | None) -> Sighting:
        answered = container is not None and container.handle in self.answering
        return Sighting(container, answered=answered, end=self.ends.get(replica_id))

    def _perform(self, step: steps.Step) -> None:
        match step:
            case steps.Start(release_id):
                act.start(self.tools, self.key, release_id)
            case steps.Stop(replica_id, handle):
                self.engine.containers.pop(handle, None)
                act.gone(self.tools, replica_id)
            case steps.Remove(handle):
                self.engine.containers.pop(handle, None)
            case _:
                act.write(self.tools, self.key, step)
