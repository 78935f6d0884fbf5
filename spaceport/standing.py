"""The stage of a Space, computed from facts and never stored.

RUNNING means that a request was answered, and nothing less: `serving` is only true for a replica
that answered, or for a static folder that is laid out.
"""

from __future__ import annotations

from dataclasses import dataclass

from spaceport.cause import Cause, Explanation, Failure
from spaceport.stage import Stage, Wanted
from spaceport.states import BuildState, ReleaseState


@dataclass(frozen=True)
class Facts:
    """Everything that the stage depends on."""

    wanted: Wanted = Wanted.RUNNING
    deleting: bool = False
    has_revision: bool = False
    build: BuildState | None = None  # the newest build
    build_failure: Failure | None = None
    release: ReleaseState | None = None  # the newest release
    release_failure: Failure | None = None
    serving: bool = False  # a ready replica, or a static folder, answers requests
    starting: bool = False  # a replica was started and has not answered yet
    last_good: bool = False  # a release exists that answered once and can be started again
    budget_spent: bool = False  # it sleeps, and no visit wakes it
    note: Failure | None = None  # what the release to be started waits for, or ended with before
    settings_failure: Failure | None = None  # nothing runs while the settings contradict themselves


@dataclass(frozen=True)
class Standing:
    """The stage, and in plain words why it is not simply RUNNING.

    While an older version serves, `explanation` tells why the newest push is not it.
    """

    stage: Stage
    explanation: Explanation | None = None


def standing(facts: Facts) -> Standing:
    """Decide the stage (spaces-behaviour 8.1); see decision record 0003 for broken pushes."""
    if facts.deleting:
        return Standing(Stage.DELETING)
    if facts.wanted is Wanted.PAUSED:
        return Standing(Stage.PAUSED)
    if facts.settings_failure is not None:
        return Standing(Stage.CONFIG_ERROR, facts.settings_failure.explain())
    why = _newest_failure(facts)
    building = facts.build is not None and facts.build.open
    if facts.serving:
        if building:
            return Standing(Stage.RUNNING_BUILDING)
        if facts.starting:
            return Standing(Stage.RUNNING_APP_STARTING, _note(facts))
        return Standing(Stage.RUNNING, why)
    if building:
        return Standing(Stage.BUILDING)
    if facts.budget_spent and facts.wanted is Wanted.ASLEEP:
        return Standing(Stage.SLEEPING, Failure(Cause.BUDGET_SPENT).explain())
    if facts.wanted is Wanted.ASLEEP and facts.last_good:
        return Standing(Stage.SLEEPING, why)
    if facts.starting or facts.release is ReleaseState.PENDING:
        return Standing(Stage.APP_STARTING, _note(facts))
    if facts.last_good and facts.wanted is Wanted.RUNNING:
        return Standing(Stage.APP_STARTING, _note(facts))  # it crashed, or the engine is away
    if why is not None:
        return Standing(why.cause.stage, why)
    return _before_first_release(facts)


def _note(facts: Facts) -> Explanation | None:
    return None if facts.note is None else facts.note.explain()


def _newest_failure(facts: Facts) -> Explanation | None:
    if facts.build is BuildState.FAILED:
        return (facts.build_failure or Failure(Cause.BUILD_FAILED)).explain()
    if facts.release is ReleaseState.FAILED:
        return (facts.release_failure or Failure(Cause.START_FAILED)).explain()
    return None


def _before_first_release(facts: Facts) -> Standing:
    if not facts.has_revision:
        return Standing(Stage.NO_APP_FILE)
    if facts.build is BuildState.SUCCEEDED:
        return Standing(Stage.APP_STARTING)
    return Standing(Stage.BUILDING)  # the builder has not looked yet, or looks again
