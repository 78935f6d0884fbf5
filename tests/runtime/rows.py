"""Rows as the ledger gives them, for tests of pure functions."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from spaceport.artifact import Artifact, ArtifactKind, ArtifactMount
from spaceport.ledger.builds import Build
from spaceport.ledger.releases import Release
from spaceport.ledger.replicas import Replica
from spaceport.ledger.spaces import Space, Visibility
from spaceport.names import SpaceId
from spaceport.sdk import Sdk
from spaceport.stage import Wanted
from spaceport.states import BuildState, ReleaseState, ReplicaState

NOW = datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC)
KEY = "5" * 24
HEAD = "a" * 40

ENVIRONMENT = Artifact(
    kind=ArtifactKind.ENVIRONMENT,
    image="base:1",
    command=("python", "app.py"),
    working_dir="/home/user/app",
    env={"PATH": "/opt/env/bin:/usr/bin", "PYTHONPATH": "/home/user/app"},
    mounts=(
        ArtifactMount("environments/f1", "/opt/env"),
        ArtifactMount(f"checkouts/{KEY}/{HEAD}", "/home/user/app"),
    ),
    app_file="app.py",
)
FOLDER = Artifact(kind=ArtifactKind.FOLDER, folder=f"checkouts/{KEY}/{HEAD}", app_file="index.html")


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def space(**changes: Any) -> Space:
    row = Space(
        key=KEY,
        id=SpaceId("Ada", "my-app"),
        owner_id="1" * 24,
        creator_id="2" * 24,
        host_label="ada-my-app",
        visibility=Visibility.PUBLIC,
        sdk=Sdk.GRADIO,
        head=HEAD,
        card={"sdk": "gradio"},
        wanted=Wanted.RUNNING,
        flavor="cpu-basic",
        sleep_seconds=None,
        settings_version=0,
        restart_generation=0,
        factory_generation=0,
        created_at=ago(9999),
        updated_at=ago(9999),
        deleted_at=None,
    )
    return replace(row, **changes)


def build(number: int = 1, **changes: Any) -> Build:
    row = Build(
        id=f"build{number}",
        space_key=KEY,
        number=number,
        revision=HEAD,
        factory_generation=0,
        inputs="",
        state=BuildState.SUCCEEDED,
        failure=None,
        plan={},
        artifact=ENVIRONMENT,
        lock="",
        queued_at=ago(5000 - number),
        started_at=None,
        ended_at=None,
    )
    return replace(row, **changes)


def release(number: int = 1, state: ReleaseState = ReleaseState.LIVE, **changes: Any) -> Release:
    row = Release(
        id=f"release{number}",
        space_key=KEY,
        number=number,
        build_id=f"build{number}",
        revision=HEAD,
        artifact=ENVIRONMENT,
        card={"sdk": "gradio"},
        variables={},
        secret_versions={},
        flavor="cpu-basic",
        settings_version=0,
        restart_generation=0,
        state=state,
        failure=None,
        crashes=0,
        created_at=ago(4000 - number),
        live_at=None,
    )
    return replace(row, **changes)


def replica(
    name: str, number: int = 1, state: ReplicaState = ReplicaState.READY, **changes: Any
) -> Replica:
    row = Replica(
        id=name,
        space_key=KEY,
        release_id=f"release{number}",
        state=state,
        engine="docker",
        handle=f"container-{name}",
        port=7860,
        placement={},
        price=0,
        failure=None,
        created_at=ago(100),
        ready_at=None if state is ReplicaState.STARTING else ago(90),
        gone_at=None,
    )
    return replace(row, **changes)
