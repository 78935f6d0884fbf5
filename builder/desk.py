"""Builds in the ledger, as the worker needs them. Blocks: run it on the `db` pool."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from builder.due import due, unwanted
from builder.inputs import Settings, inputs_digest
from builder.session import Previous, Result, Task
from spaceport.cause import Failure
from spaceport.errors import NotFound
from spaceport.failpoints import failpoint
from spaceport.ledger import Ledger, builds, egress, secrets, spaces, variables
from spaceport.ledger.builds import Build
from spaceport.ledger.database import Tx
from spaceport.ledger.spaces import Space
from spaceport.names import SpaceKey
from spaceport.sealing import Keyring
from spaceport.states import BuildState


@dataclass(frozen=True)
class Looked:
    """The build of a Space that should be under way, if any, and who owns the Space."""

    build: Build | None
    owner: str
    why: str = ""


@dataclass(frozen=True)
class Begun:
    """A build that this process has taken on."""

    build: Build
    task: Task
    restart_generation: int


class Desk:
    def __init__(self, ledger: Ledger, keyring: Keyring) -> None:
        self._ledger = ledger
        self._keyring = keyring

    def keys(self) -> list[SpaceKey]:
        with self._ledger.read() as tx:
            return spaces.keys(tx)

    def look(self, key: SpaceKey) -> Looked:
        """Queue a build if one is due; say which build should be under way now."""
        with self._ledger.read() as tx:
            space, newest, settings = _state(tx, key)
            wanted = None if space is None else due(space, newest, settings)
        if wanted is None or space is None:
            return _looked(space, newest)
        with self._ledger.write() as tx:
            # Read again: what was decided on may have changed before the turn to write came.
            space, newest, settings = _state(tx, key)
            wanted = None if space is None else due(space, newest, settings)
            if wanted is None or space is None:
                return _looked(space, newest)
            queued = builds.queue(
                tx,
                key,
                wanted.revision,
                factory_generation=wanted.factory_generation,
                inputs=wanted.inputs,
            )
            return Looked(queued, space.owner_id, wanted.why)

    def begin(self, build: Build) -> Begun | None:
        """Take a queued build on; None when it is not to be built (any more)."""
        with self._ledger.write() as tx:
            space, _, settings = _state(tx, build.space_key)
            if space is None or unwanted(space, build):
                builds.move(tx, build, BuildState.INTERRUPTED)
                return None
            if not builds.move(tx, build, BuildState.RUNNING):
                return None
            running = builds.get(tx, build.id)
            last = builds.newest(tx, build.space_key, BuildState.SUCCEEDED)
            reach = egress.of(tx, space.repository_key)
        failpoint("build:after-begin")
        if running is None:
            return None
        factory = running.factory_generation > (last.factory_generation if last else 0)
        task = Task(
            build.space_key,
            build.revision,
            settings,
            _previous(last),
            factory,
            reach,
            space.repository_key,
        )
        return Begun(running, task, space.restart_generation)

    def succeed(self, begun: Begun, result: Result) -> bool:
        """False when the build was superseded meanwhile: its result is of no use."""
        plan = _kept(begun, result.plan)
        failpoint("build:before-commit")
        with self._ledger.write() as tx:
            moved = builds.move(
                tx,
                begun.build,
                BuildState.SUCCEEDED,
                artifact=result.artifact,
                plan=plan,
                lock=result.lock,
            )
        failpoint("build:after-commit")
        return moved

    def fail(self, begun: Begun, failure: Failure, plan: Mapping[str, Any]) -> bool:
        with self._ledger.write() as tx:
            kept = _kept(begun, plan)
            return builds.move(tx, begun.build, BuildState.FAILED, failure=failure, plan=kept)

    def interrupt(self, build: Build) -> bool:
        """It is neither done nor at fault: it will be queued again when it is due."""
        with self._ledger.write() as tx:
            return builds.move(tx, build, BuildState.INTERRUPTED)

    def interrupt_running(self) -> list[Build]:
        """At start: what ran when the last process ended. Gives them."""
        with self._ledger.write() as tx:
            found = [build for build in builds.open_builds(tx) if build.state is BuildState.RUNNING]
            return [build for build in found if builds.move(tx, build, BuildState.INTERRUPTED)]

    def reveal(self, key: SpaceKey) -> Mapping[str, str]:
        with self._ledger.read() as tx:
            return secrets.reveal(tx, self._keyring, key)


def _state(tx: Tx, key: SpaceKey) -> tuple[Space | None, Build | None, Settings]:
    try:
        space = spaces.get(tx, key)
    except NotFound:
        return None, None, Settings()
    settings = Settings(variables.of(tx, key), secrets.versions(tx, key))
    return space, builds.newest(tx, key), settings


def _looked(space: Space | None, newest: Build | None) -> Looked:
    if space is None or newest is None or not newest.state.open or unwanted(space, newest):
        return Looked(None, space.owner_id if space else "")
    return Looked(newest, space.owner_id)


def _previous(last: Build | None) -> Previous:
    if last is None:
        return Previous()
    return Previous(last.plan.get("inputs", ""), last.lock, bool(last.plan.get("private")))


def _kept(begun: Begun, plan: Mapping[str, Any]) -> dict[str, Any]:
    """The plan with what the next look compares: the settings used, the restart it answers."""
    return {
        **plan,
        "settings": inputs_digest(plan, begun.task.settings),
        "restart_generation": begun.restart_generation,
    }
