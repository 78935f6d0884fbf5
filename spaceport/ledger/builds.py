"""Builds in the ledger. A build moves only along `spaceport.states.BUILD_MOVES`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, insert, select, update

from spaceport.artifact import Artifact
from spaceport.cause import Cause, Failure
from spaceport.ledger import events
from spaceport.ledger.columns import now
from spaceport.ledger.database import Tx
from spaceport.ledger.events import EventKind
from spaceport.ledger.tables import builds
from spaceport.names import SpaceKey, new_key
from spaceport.states import BUILD_MOVES, BuildState

OPEN = (BuildState.QUEUED.value, BuildState.RUNNING.value)


@dataclass(frozen=True)
class Build:
    id: str
    space_key: SpaceKey
    number: int
    revision: str
    factory_generation: int
    inputs: str
    state: BuildState
    failure: Failure | None
    plan: Mapping[str, Any]
    artifact: Artifact | None
    lock: str
    queued_at: datetime
    started_at: datetime | None
    ended_at: datetime | None


def queue(
    tx: Tx, key: SpaceKey, revision: str, *, factory_generation: int = 0, inputs: str = ""
) -> Build:
    """Queue a build; every older one of this Space that is still open is superseded."""
    for old in list(tx.execute(_all().where(_open_of(key))).mappings()):
        move(tx, _build(old), BuildState.SUPERSEDED)
    number = tx.execute(
        select(func.coalesce(func.max(builds.c.number), 0) + 1).where(builds.c.space_key == key)
    ).scalar_one()
    build_id = new_key()
    tx.execute(
        insert(builds).values(
            id=build_id,
            space_key=key,
            number=number,
            revision=revision,
            factory_generation=factory_generation,
            inputs=inputs,
            state=BuildState.QUEUED.value,
            queued_at=now(),
        )
    )
    events.append(tx, EventKind.BUILD_CHANGED, key, build=build_id, state="queued")
    found = get(tx, build_id)
    if found is None:
        raise LookupError(build_id)
    return found


def move(
    tx: Tx,
    build: Build,
    state: BuildState,
    *,
    failure: Failure | None = None,
    artifact: Artifact | None = None,
    plan: Mapping[str, Any] | None = None,
    lock: str | None = None,
) -> bool:
    """Move a build and write the event; false, and nothing written, when it has moved meanwhile.

    So a worker whose build was superseded learns it here and drops its result.
    """
    if state not in BUILD_MOVES[build.state]:
        raise ValueError(f"a build does not move from {build.state} to {state}")
    values: dict[str, Any] = {"state": state.value}
    if state is BuildState.RUNNING:
        values["started_at"] = now()
    if not state.open:
        values["ended_at"] = now()
    if failure is not None:
        values["cause"], values["detail"] = failure.cause.name, dict(failure.detail)
    if artifact is not None:
        values["artifact"] = artifact.to_json()
    if plan is not None:
        values["plan"] = dict(plan)
    if lock is not None:
        values["lock"] = lock
    unmoved = (builds.c.id == build.id, builds.c.state == build.state.value)
    moved = tx.execute(update(builds).where(*unmoved).values(values)).rowcount
    if moved:
        kind = EventKind.BUILD_CHANGED
        events.append(tx, kind, build.space_key, build=build.id, state=state.value)
    return bool(moved)


def get(tx: Tx, build_id: str) -> Build | None:
    row = tx.execute(_all().where(builds.c.id == build_id)).mappings().first()
    return None if row is None else _build(row)


def newest(tx: Tx, key: SpaceKey, state: BuildState | None = None) -> Build | None:
    """The build with the highest number, or the highest one in that state."""
    query = _all().where(builds.c.space_key == key).order_by(builds.c.number.desc()).limit(1)
    if state is not None:
        query = query.where(builds.c.state == state.value)
    row = tx.execute(query).mappings().first()
    return None if row is None else _build(row)


def history(tx: Tx, key: SpaceKey, limit: int = 50) -> list[Build]:
    """Newest first."""
    query = _all().where(builds.c.space_key == key).order_by(builds.c.number.desc()).limit(limit)
    return [_build(row) for row in tx.execute(query).mappings()]


def open_builds(tx: Tx) -> list[Build]:
    """Everything that is queued or running, in the order it was queued."""
    query = _all().where(builds.c.state.in_(OPEN)).order_by(builds.c.queued_at, builds.c.number)
    return [_build(row) for row in tx.execute(query).mappings()]


def _open_of(key: SpaceKey) -> Any:
    return (builds.c.space_key == key) & builds.c.state.in_(OPEN)


def _all() -> Select[Any]:
    return select(builds)


def _build(row: Mapping[Any, Any]) -> Build:
    return Build(
        id=row["id"],
        space_key=row["space_key"],
        number=row["number"],
        revision=row["revision"],
        factory_generation=row["factory_generation"],
        inputs=row["inputs"],
        state=BuildState(row["state"]),
        failure=Failure(Cause[row["cause"]], row["detail"]) if row["cause"] else None,
        plan=row["plan"],
        artifact=Artifact.from_json(row["artifact"]) if row["artifact"] else None,
        lock=row["lock"],
        queued_at=row["queued_at"],
        started_at=row["started_at"],
        ended_at=row["ended_at"],
    )
