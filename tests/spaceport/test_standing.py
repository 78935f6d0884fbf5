"""The stage as a table (spaces-behaviour 8.1; decision record 3)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spaceport.cause import Cause, Failure
from spaceport.stage import Stage, Wanted
from spaceport.standing import Facts, standing
from spaceport.states import BuildState, ReleaseState

BUILT = {"has_revision": True, "build": BuildState.SUCCEEDED}
LIVE = {**BUILT, "release": ReleaseState.LIVE, "last_good": True}
NO_MODULE = Failure(Cause.MODULE_NOT_FOUND, {"module": "cv2", "package": "opencv-python"})
NO_FILE = Failure(Cause.NO_APP_FILE, {"app_file": "app.py"})

TABLE = [
    (Facts(), Stage.NO_APP_FILE),
    (Facts(has_revision=True), Stage.BUILDING),
    (Facts(has_revision=True, build=BuildState.QUEUED), Stage.BUILDING),
    (Facts(has_revision=True, build=BuildState.INTERRUPTED), Stage.BUILDING),
    (
        Facts(has_revision=True, build=BuildState.FAILED, build_failure=NO_FILE),
        Stage.NO_APP_FILE,
    ),
    (
        Facts(has_revision=True, build=BuildState.FAILED, build_failure=Failure(Cause.BAD_CARD)),
        Stage.CONFIG_ERROR,
    ),
    (Facts(has_revision=True, build=BuildState.FAILED), Stage.BUILD_ERROR),
    (Facts(**BUILT), Stage.APP_STARTING),
    (Facts(**BUILT, release=ReleaseState.PENDING, starting=True), Stage.APP_STARTING),
    (
        Facts(**BUILT, release=ReleaseState.FAILED, release_failure=NO_MODULE),
        Stage.RUNTIME_ERROR,
    ),
    (Facts(**LIVE, serving=True), Stage.RUNNING),
    (Facts(**LIVE | {"build": BuildState.RUNNING}, serving=True), Stage.RUNNING_BUILDING),
    (
        Facts(**LIVE | {"release": ReleaseState.PENDING}, serving=True, starting=True),
        Stage.RUNNING_APP_STARTING,
    ),
    (Facts(**LIVE | {"build": BuildState.FAILED}, serving=True), Stage.RUNNING),
    (Facts(**LIVE | {"release": ReleaseState.FAILED}, serving=True), Stage.RUNNING),
    (Facts(**LIVE, wanted=Wanted.ASLEEP), Stage.SLEEPING),
    (Facts(**LIVE, wanted=Wanted.PAUSED), Stage.PAUSED),
    (Facts(**LIVE, wanted=Wanted.PAUSED, serving=True), Stage.PAUSED),
    (Facts(deleting=True, serving=True), Stage.DELETING),
]


@pytest.mark.parametrize(("facts", "stage"), TABLE, ids=lambda value: str(value)[:60])
def test_the_stage(facts: Facts, stage: Stage) -> None:
    assert standing(facts).stage is stage


def test_while_the_old_version_serves_the_newest_failure_is_told() -> None:
    facts = Facts(
        **LIVE | {"release": ReleaseState.FAILED}, release_failure=NO_MODULE, serving=True
    )
    told = standing(facts)
    assert told.stage is Stage.RUNNING
    assert told.explanation is not None
    assert "cv2" in told.explanation.sentence
    assert "opencv-python" in told.explanation.hint


any_facts = st.builds(
    Facts,
    wanted=st.sampled_from(Wanted),
    deleting=st.booleans(),
    has_revision=st.booleans(),
    build=st.none() | st.sampled_from(BuildState),
    build_failure=st.none() | st.sampled_from(Cause).map(Failure),
    release=st.none() | st.sampled_from(ReleaseState),
    release_failure=st.none() | st.sampled_from(Cause).map(Failure),
    serving=st.booleans(),
    starting=st.booleans(),
    last_good=st.booleans(),
)


@given(any_facts)
def test_running_is_said_only_when_requests_are_answered(facts: Facts) -> None:
    stage = standing(facts).stage
    assert not stage.serving or facts.serving
    if facts.serving and not facts.deleting and facts.wanted is not Wanted.PAUSED:
        assert stage.serving


@given(any_facts)
def test_an_error_always_has_a_cause(facts: Facts) -> None:
    told = standing(facts)
    if told.stage in (Stage.CONFIG_ERROR, Stage.BUILD_ERROR, Stage.RUNTIME_ERROR):
        assert told.explanation is not None
        assert told.explanation.sentence


@pytest.mark.parametrize("cause", Cause)
def test_every_cause_reads_well_without_and_with_detail(cause: Cause) -> None:
    told = cause.explain({})
    assert told.sentence.endswith(".") or told.sentence.rstrip().endswith((":", ")"))
    assert told.hint
    assert "{" not in told.sentence + told.hint
