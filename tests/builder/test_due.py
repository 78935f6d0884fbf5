"""When a build is due, as a table."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from builder.due import Due, due, unwanted
from builder.inputs import Settings, inputs_digest
from spaceport.ledger.builds import Build
from spaceport.ledger.spaces import Space, Visibility
from spaceport.names import SpaceId
from spaceport.sdk import Sdk
from spaceport.stage import Wanted
from spaceport.states import BuildState

NOW = datetime(2026, 11, 24, tzinfo=UTC)
A, B = "a" * 40, "b" * 40
SPACE = Space(
    key="0" * 24,
    id=SpaceId("ada", "space"),
    owner_id="1" * 24,
    creator_id="1" * 24,
    host_label="ada-space",
    visibility=Visibility.PUBLIC,
    sdk=Sdk.DOCKER,
    head=A,
    card=None,
    wanted=Wanted.RUNNING,
    flavor="cpu-basic",
    sleep_seconds=None,
    settings_version=0,
    restart_generation=0,
    factory_generation=0,
    created_at=NOW,
    updated_at=NOW,
    deleted_at=None,
)
USES = {"arguments": ["GREETING"], "secrets": ["TOKEN"]}
BEFORE = Settings({"GREETING": "hello", "OTHER": "1"}, {"TOKEN": 1, "ELSE": 4})


def build(state: BuildState = BuildState.SUCCEEDED, **changes: Any) -> Build:
    plan = {**USES, "settings": inputs_digest(USES, BEFORE), "restart_generation": 0}
    made = Build(
        id="2" * 24,
        space_key=SPACE.key,
        number=1,
        revision=A,
        factory_generation=0,
        inputs="",
        state=state,
        failure=None,
        plan=plan,
        artifact=None,
        lock="",
        queued_at=NOW,
        started_at=None,
        ended_at=None,
    )
    return replace(made, **changes)


SUCCEEDED, FAILED = build(), build(BuildState.FAILED)
CASES: list[tuple[str, Space, Build | None, Settings, str | None]] = [
    ("no revision", replace(SPACE, head=None), None, BEFORE, None),
    ("first", SPACE, None, BEFORE, "first build"),
    ("done", SPACE, SUCCEEDED, BEFORE, None),
    ("queued", SPACE, build(BuildState.QUEUED, plan={}), BEFORE, None),
    ("running", SPACE, build(BuildState.RUNNING, plan={}), BEFORE, None),
    ("pushed", replace(SPACE, head=B), SUCCEEDED, BEFORE, "new revision"),
    ("pushed meanwhile", replace(SPACE, head=B), build(BuildState.RUNNING), BEFORE, "new revision"),
    ("factory", replace(SPACE, factory_generation=1), SUCCEEDED, BEFORE, "factory rebuild"),
    (
        "factory meanwhile",
        replace(SPACE, factory_generation=1),
        build(BuildState.RUNNING),
        BEFORE,
        "factory rebuild",
    ),
    ("factory done", SPACE, build(factory_generation=1), BEFORE, None),
    ("interrupted", SPACE, build(BuildState.INTERRUPTED), BEFORE, "the last build was interrupted"),
    ("failed", SPACE, FAILED, BEFORE, None),
    (
        "restarted after a failure",
        replace(SPACE, restart_generation=1),
        FAILED,
        BEFORE,
        "restart after a failed build",
    ),
    ("restarted", replace(SPACE, restart_generation=1), SUCCEEDED, BEFORE, None),
    (
        "a declared variable changed",
        SPACE,
        SUCCEEDED,
        replace(BEFORE, variables={"GREETING": "good day"}),
        "a variable or secret that the build uses was changed",
    ),
    (
        "a mounted secret was set anew",
        SPACE,
        FAILED,
        replace(BEFORE, secret_versions={"TOKEN": 2}),
        "a variable or secret that the build uses was changed",
    ),
    (
        "others changed",
        SPACE,
        SUCCEEDED,
        Settings({"GREETING": "hello", "NEW": "x"}, {"TOKEN": 1, "ELSE": 5}),
        None,
    ),
    ("paused", replace(SPACE, head=B, wanted=Wanted.PAUSED), SUCCEEDED, BEFORE, None),
    (
        "asleep and pushed",
        replace(SPACE, head=B, wanted=Wanted.ASLEEP),
        SUCCEEDED,
        BEFORE,
        "new revision",
    ),
    (
        "a preview that nobody visits",
        replace(SPACE, head=B, wanted=Wanted.ASLEEP, parent_key="3" * 24),
        SUCCEEDED,
        BEFORE,
        None,
    ),
    (
        "a preview that is visited",
        replace(SPACE, parent_key="3" * 24),
        None,
        BEFORE,
        "first build",
    ),
    ("rolled back", replace(SPACE, rolled_back_from=A), SUCCEEDED, Settings(), None),
    (
        "pushed after a rollback",
        replace(SPACE, head=B, rolled_back_from=A),
        SUCCEEDED,
        BEFORE,
        "new revision",
    ),
    ("deleted", replace(SPACE, head=B, deleted_at=NOW), SUCCEEDED, BEFORE, None),
]


@pytest.mark.parametrize("case", CASES, ids=[case[0] for case in CASES])
def test_due(case: tuple[str, Space, Build | None, Settings, str | None]) -> None:
    _, space, newest, settings, why = case
    found = due(space, newest, settings)
    assert (found.why if found else None) == why
    if found is not None:
        assert (found.revision, found.factory_generation) == (space.head, space.factory_generation)


def test_due_names_the_inputs_for_the_build() -> None:
    changed = Settings({"GREETING": "x"}, {"TOKEN": 1})
    found = due(SPACE, SUCCEEDED, changed)
    assert found == Due(A, found.why if found else "", 0, inputs_digest(USES, changed))


def test_the_build_command_of_a_static_space_sees_every_variable() -> None:
    plan = {"arguments": ["*"]}
    one, two = Settings({"A": "1"}, {"S": 1}), Settings({"A": "1", "B": "2"}, {"S": 2})
    assert inputs_digest(plan, one) != inputs_digest(plan, two)
    assert inputs_digest(plan, one) == inputs_digest(plan, replace(one, secret_versions={"S": 9}))
    assert inputs_digest({"sdk": "gradio"}, two) == ""


@pytest.mark.parametrize(
    ("space", "expected"),
    [
        (SPACE, False),
        (replace(SPACE, head=B), True),
        (replace(SPACE, factory_generation=1), True),
        (replace(SPACE, wanted=Wanted.PAUSED), True),
        (replace(SPACE, rolled_back_from=A), True),
        (replace(SPACE, wanted=Wanted.ASLEEP), False),
        (replace(SPACE, deleted_at=NOW), True),
    ],
)
def test_unwanted(space: Space, expected: bool) -> None:
    assert unwanted(space, build(BuildState.RUNNING)) is expected
