"""Every numbered transition of a Space's life as one table (spaces-behaviour 8.2, 8.3 and 3.7).

Given a history, an event, and what is then true: the stage, whether the app can be reached, whether
its hardware is billed. Where decision record 3 departs from 8.2.4 and 8.2.9 (a broken push keeps
the old version serving), the row says so.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from runtime.view import Room
from spaceport.cause import Cause, Failure
from spaceport.ledger import Ledger, spaces
from tests.runtime.dict_engine import shared_ledger
from tests.runtime.lifecycle import Life, Standing

Happens = Callable[[Life], object]
DAY = 86_400
REFUSED = Failure(Cause.BAD_CARD, {"problem": "sdk"})
BROKEN = Failure(Cause.PACKAGE_NOT_FOUND, {"package": "grado", "file": "requirements.txt"})
FULL = Room(Failure(Cause.NO_CAPACITY, {"problem": "full"}))


def told(stage: str, reachable: bool, billed: bool) -> Standing:
    return Standing(stage, reachable, billed)


NOTHING = told("NO_APP_FILE", False, False)
BUILDING = told("BUILDING", False, False)
BUILD_ERROR = told("BUILD_ERROR", False, False)
CONFIG_ERROR = told("CONFIG_ERROR", False, False)
STARTING = told("APP_STARTING", False, True)
RUNNING = told("RUNNING", True, True)
RUNNING_BUILDING = told("RUNNING_BUILDING", True, True)
RUNNING_STARTING = told("RUNNING_APP_STARTING", True, True)
RUNTIME_ERROR = told("RUNTIME_ERROR", False, False)
PAUSED = told("PAUSED", False, False)
SLEEPING = told("SLEEPING", False, False)
DELETING = told("DELETING", False, False)


def then(*events: Happens) -> Happens:
    def happen(life: Life) -> None:
        for event in events:
            event(life)

    return happen


def nothing(life: Life) -> None:
    """The history of a new Space."""


def no_room(life: Life) -> None:
    life.room = FULL
    life.settle()


push, builds, answers, runs = Life.push, Life.builds, Life.answers, Life.runs
pause, restart, visit, delete = Life.pause, Life.restart, Life.visit, Life.delete
change, exits, never_answers = Life.change_settings, Life.ends_by_itself, Life.never_answers
build_fails: Happens = lambda life: life.builds(BROKEN)  # noqa: E731
card_is_bad: Happens = lambda life: life.builds(REFUSED)  # noqa: E731
factory: Happens = lambda life: life.restart(factory=True)  # noqa: E731
two_days: Happens = lambda life: life.nobody_comes(2 * DAY)  # noqa: E731
nearly: Happens = lambda life: life.nobody_comes(2 * DAY - 1)  # noqa: E731
upgrade: Happens = lambda life: life.change_hardware("cpu-upgrade")  # noqa: E731
asleep = then(runs, two_days)
crashes = then(runs, exits, exits)  # one restart is allowed here
upgraded = then(runs, upgrade, answers)


def sleeps_after(seconds: int) -> Happens:
    return lambda life: life.set_sleep(seconds)


def idle(seconds: float) -> Happens:
    return lambda life: life.nobody_comes(seconds)


TABLE: list[tuple[str, Happens, Happens, Standing]] = [
    ("8.1 a new Space", nothing, nothing, NOTHING),
    ("8.2.1 first push", nothing, push, BUILDING),
    ("8.2.1 push while it runs", runs, push, RUNNING_BUILDING),
    ("8.2.1 push after a failed build", then(push, build_fails), push, BUILDING),
    ("8.2.1 push after a crash", crashes, push, BUILDING),
    ("8.2.1 push while asleep", asleep, push, BUILDING),
    ("8.2.1 push with a bad card", push, card_is_bad, CONFIG_ERROR),
    ("8.2.2", push, builds, STARTING),
    ("8.2.3 built", then(runs, push), builds, RUNNING_STARTING),
    ("8.2.3 swapped", then(runs, push, builds), answers, RUNNING),
    ("8.2.4", push, build_fails, BUILD_ERROR),
    ("8.2.4 (decision 3) the old one serves on", then(runs, push), build_fails, RUNNING),
    ("8.2.5", then(push, builds), answers, RUNNING),
    ("8.2.6 exit", then(push, builds), exits, RUNTIME_ERROR),
    ("8.2.6 timeout", then(push, builds), never_answers, RUNTIME_ERROR),
    ("8.2.6 (decision 3) exit of the new one", then(runs, push, builds), exits, RUNNING),
    ("8.2.7 exit, tried again", runs, exits, STARTING),
    ("8.2.7 exit again, suspended", then(runs, exits), exits, RUNTIME_ERROR),
    ("8.2.8 newer push", push, push, BUILDING),
    ("8.2.8 newer push while it runs", then(runs, push), push, RUNNING_BUILDING),
    ("8.2.9 (decision 3)", then(runs, push), card_is_bad, RUNNING),
    ("8.2.10", runs, two_days, SLEEPING),
    ("8.2.11", asleep, visit, STARTING),
    ("8.2.12 running", runs, pause, PAUSED),
    ("8.2.12 starting", then(push, builds), pause, PAUSED),
    ("8.2.12 building", push, pause, PAUSED),
    ("8.2.12 sleeping", asleep, pause, PAUSED),
    ("8.2.12 build error", then(push, build_fails), pause, PAUSED),
    ("8.2.12 runtime error", crashes, pause, PAUSED),
    ("8.2.13", then(runs, pause), restart, STARTING),
    ("8.2.13 nothing was built yet", then(push, pause), restart, BUILDING),
    ("8.2.14 visit", then(runs, pause), visit, PAUSED),
    ("8.2.14 push", then(runs, pause), push, PAUSED),
    ("8.2.14 change of a variable", then(runs, pause), change, PAUSED),
    ("8.2.14 the push is built at the next restart", then(runs, pause, push), restart, BUILDING),
    ("8.2.15 running", runs, restart, RUNNING_STARTING),
    ("8.2.15 sleeping", asleep, restart, STARTING),
    ("8.2.15 build error", then(push, build_fails), restart, BUILDING),
    ("8.2.15 runtime error", crashes, restart, STARTING),
    ("8.2.15 building", push, restart, BUILDING),
    ("8.2.15 starting", then(push, builds), restart, STARTING),
    ("8.2.15 the image is not of main", then(runs, push, build_fails), restart, RUNNING_BUILDING),
    ("8.2.16 running", runs, factory, RUNNING_BUILDING),
    ("8.2.16 sleeping", asleep, factory, BUILDING),
    ("8.2.16 paused", then(runs, pause), factory, BUILDING),
    ("8.2.16 and it is built", then(runs, factory), builds, RUNNING_STARTING),
    ("8.2.17 variable or secret", runs, change, RUNNING_STARTING),
    ("8.2.17 hardware", runs, upgrade, RUNNING_STARTING),
    ("8.2.17 not for the sleep time", runs, sleeps_after(300), RUNNING),
    ("8.2.17 sleeping: at the next wake", asleep, change, SLEEPING),
    ("8.2.19 running", runs, delete, DELETING),
    ("8.2.19 sleeping", asleep, delete, DELETING),
    ("8.2.19 paused", then(runs, pause), delete, DELETING),
    ("8.3.1 not before", runs, nearly, RUNNING),
    ("8.3.1 cannot be chosen", then(runs, sleeps_after(60)), nearly, RUNNING),
    ("8.3.3 never is not heard either", then(runs, sleeps_after(-1)), two_days, SLEEPING),
    ("8.3.2 upgraded hardware never sleeps", upgraded, idle(99 * DAY), RUNNING),
    ("8.3.3 never", then(upgraded, sleeps_after(-1)), idle(99 * DAY), RUNNING),
    ("8.3.3 sleep time, not before", then(upgraded, sleeps_after(60)), idle(59), RUNNING),
    ("8.3.3 sleep time", then(upgraded, sleeps_after(60)), idle(60), SLEEPING),
    ("8.3.6 a visit wakes", then(asleep, visit), answers, RUNNING),
    ("3.7.1", then(push, builds), nothing, STARTING),
    ("3.7.7 no capacity: waits", then(push, no_room), builds, told("APP_STARTING", False, False)),
]


@pytest.fixture(scope="module")
def ledger() -> Iterator[Ledger]:
    made = shared_ledger()
    yield made
    made.close()
    shutil.rmtree(Path(str(made.url.database)).parent)


@pytest.fixture
def life(ledger: Ledger) -> Life:
    return Life(ledger)


@pytest.mark.req("RUN-11")
@pytest.mark.parametrize(
    ("given", "event", "after"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE]
)
def test_every_numbered_transition(
    life: Life, given: Happens, event: Happens, after: Standing
) -> None:
    given(life)
    event(life)
    assert life.standing == after
    life.settle()  # Spaceport starts anew, and looks at all there is (8.2.20)
    assert life.standing == after


@pytest.mark.req("RUN-09")
@pytest.mark.parametrize("given", [runs, asleep, push, crashes], ids=["runs", "asleep", "p", "c"])
def test_a_deleted_space_is_gone_with_all_it_had(life: Life, given: Happens) -> None:
    given(life)
    delete(life)
    life.purge()
    assert not life.engine.containers
    with life.ledger.read() as tx:
        assert life.key not in spaces.keys(tx, deleted=True)


def test_what_it_waits_for_is_told(life: Life) -> None:
    then(push, no_room, builds)(life)
    why = life.view.standing.explanation
    assert why is not None
    assert why.sentence.startswith("Scheduling failure: not enough hardware capacity")


def test_a_timeout_is_told_in_the_words_of_the_contract(life: Life) -> None:
    then(push, builds, never_answers)(life)
    why = life.view.standing.explanation
    assert why is not None
    assert why.sentence.startswith("Launch timed out, the app was not healthy after 30 min")
