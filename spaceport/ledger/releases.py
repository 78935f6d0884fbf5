"""Releases: what was started, and what can be started again."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, insert, select, update

from spaceport.artifact import Artifact
from spaceport.cause import Cause, Failure
from spaceport.ledger import events
from spaceport.ledger.builds import Build
from spaceport.ledger.columns import now
from spaceport.ledger.database import Tx
from spaceport.ledger.events import EventKind
from spaceport.ledger.spaces import Space
from spaceport.ledger.tables import releases
from spaceport.names import SpaceKey, new_key
from spaceport.states import RELEASE_MOVES, ReleaseState


@dataclass(frozen=True)
class Release:
    id: str
    space_key: SpaceKey
    number: int
    build_id: str
    revision: str
    artifact: Artifact
    card: Mapping[str, Any]
    variables: Mapping[str, str]
    secret_versions: Mapping[str, int]
    flavor: str
    settings_version: int
    restart_generation: int
    state: ReleaseState
    failure: Failure | None
    crashes: int
    created_at: datetime
    live_at: datetime | None
    rollback_of: int | None = None
    dropped_at: datetime | None = None

    @property
    def version(self) -> int:
        """The number of the release that it is in fact: a rollback is what it brought back."""
        return self.rollback_of or self.number


def create(
    tx: Tx,
    space: Space,
    build: Build,
    *,
    card: Mapping[str, Any],
    variables: Mapping[str, str],
    secret_versions: Mapping[str, int],
) -> Release:
    """A pending release of a succeeded build with the Space's present settings."""
    if build.artifact is None:
        raise ValueError(f"build {build.id} has no artifact")
    return _enter(
        tx,
        space,
        {
            "build_id": build.id,
            "revision": build.revision,
            "artifact": build.artifact.to_json(),
            "card": dict(card),
            "variables": dict(variables),
            "secret_versions": dict(secret_versions),
        },
    )


def again(
    tx: Tx,
    space: Space,
    old: Release,
    *,
    variables: Mapping[str, str],
    secret_versions: Mapping[str, int],
) -> Release:
    """A pending release of what `old` was made of, on the Space's present hardware."""
    return _enter(
        tx,
        space,
        {
            "build_id": old.build_id,
            "revision": old.revision,
            "artifact": old.artifact.to_json(),
            "card": dict(old.card),
            "variables": dict(variables),
            "secret_versions": dict(secret_versions),
            "rollback_of": old.version,
        },
    )


def _enter(tx: Tx, space: Space, values: Mapping[str, Any]) -> Release:
    key = space.key
    number = tx.execute(
        select(func.coalesce(func.max(releases.c.number), 0) + 1).where(releases.c.space_key == key)
    ).scalar_one()
    release_id = new_key()
    tx.execute(
        insert(releases).values(
            id=release_id,
            space_key=key,
            number=number,
            **values,
            flavor=space.flavor,
            settings_version=space.settings_version,
            restart_generation=space.restart_generation,
            state=ReleaseState.PENDING.value,
            created_at=now(),
        )
    )
    events.append(tx, EventKind.RELEASE_CHANGED, key, release=release_id, state="pending")
    return get(tx, release_id)


def move(tx: Tx, release: Release, state: ReleaseState, *, failure: Failure | None = None) -> bool:
    """Move a release and write the event; false when it has moved meanwhile."""
    if state not in RELEASE_MOVES[release.state]:
        raise ValueError(f"a release does not move from {release.state} to {state}")
    values: dict[str, Any] = {"state": state.value}
    if failure is not None:
        values["cause"], values["detail"] = failure.cause.name, dict(failure.detail)
    if state is ReleaseState.LIVE:
        values.update(live_at=now(), cause=None, detail={})
    unmoved = (releases.c.id == release.id, releases.c.state == release.state.value)
    moved = tx.execute(update(releases).where(*unmoved).values(values)).rowcount
    if moved:
        kind = EventKind.RELEASE_CHANGED
        events.append(tx, kind, release.space_key, release=release.id, state=state.value)
    return bool(moved)


def note(tx: Tx, release: Release, failure: Failure | None) -> None:
    """Say, or take back, what a release that is to be started waits for."""
    values: dict[str, Any] = {"cause": None, "detail": {}}
    if failure is not None:
        values = {"cause": failure.cause.name, "detail": dict(failure.detail)}
    unmoved = (releases.c.id == release.id, releases.c.state == release.state.value)
    if tx.execute(update(releases).where(*unmoved).values(values)).rowcount:
        kind = EventKind.RELEASE_CHANGED
        events.append(tx, kind, release.space_key, release=release.id, state=release.state.value)


def count_crash(tx: Tx, release: Release, *, reset: bool = False) -> None:
    value = 0 if reset else releases.c.crashes + 1
    tx.execute(update(releases).where(releases.c.id == release.id).values(crashes=value))


def get(tx: Tx, release_id: str) -> Release:
    """Raises `LookupError`."""
    row = tx.execute(select(releases).where(releases.c.id == release_id)).mappings().first()
    if row is None:
        raise LookupError(release_id)
    return _release(row)


def newest(tx: Tx, key: SpaceKey, *states: ReleaseState) -> Release | None:
    """The release with the highest number, of these states if any are given."""
    query = select(releases).where(releases.c.space_key == key)
    if states:
        query = query.where(releases.c.state.in_([state.value for state in states]))
    row = tx.execute(query.order_by(releases.c.number.desc()).limit(1)).mappings().first()
    return None if row is None else _release(row)


def history(tx: Tx, key: SpaceKey, limit: int = 50) -> list[Release]:
    """Newest first."""
    query = select(releases).where(releases.c.space_key == key)
    query = query.order_by(releases.c.number.desc()).limit(limit)
    return [_release(row) for row in tx.execute(query).mappings()]


def numbered(tx: Tx, key: SpaceKey, number: int) -> Release | None:
    query = select(releases).where(releases.c.space_key == key, releases.c.number == number)
    row = tx.execute(query).mappings().first()
    return None if row is None else _release(row)


def retire_pending(tx: Tx, key: SpaceKey) -> None:
    """Give up every release that waits for its first answer: another one takes its place."""
    for older in history(tx, key):
        if older.state is ReleaseState.PENDING:
            move(tx, older, ReleaseState.RETIRED)


def drop(tx: Tx, release_ids: Collection[str]) -> None:
    """Note that what these were made of is about to be removed: they cannot be started again."""
    for release_id in release_ids:
        tx.execute(update(releases).where(releases.c.id == release_id).values(dropped_at=now()))


def of_build(tx: Tx, build_id: str) -> bool:
    """Whether any release was made of this build."""
    query = select(releases.c.id).where(releases.c.build_id == build_id).limit(1)
    return tx.execute(query).first() is not None


def first_of_build(tx: Tx, build_id: str) -> str | None:
    """The id of the release that the push itself led to; later ones are restarts and changes."""
    query = select(releases.c.id).where(releases.c.build_id == build_id)
    found = tx.execute(query.order_by(releases.c.number).limit(1)).scalar()
    return None if found is None else str(found)


def _release(row: Mapping[Any, Any]) -> Release:
    return Release(
        id=row["id"],
        space_key=row["space_key"],
        number=row["number"],
        build_id=row["build_id"],
        revision=row["revision"],
        artifact=Artifact.from_json(row["artifact"]),
        card=row["card"],
        variables=row["variables"],
        secret_versions=row["secret_versions"],
        flavor=row["flavor"],
        settings_version=row["settings_version"],
        restart_generation=row["restart_generation"],
        state=ReleaseState(row["state"]),
        failure=Failure(Cause[row["cause"]], row["detail"]) if row["cause"] else None,
        crashes=row["crashes"],
        created_at=row["created_at"],
        live_at=row["live_at"],
        rollback_of=row["rollback_of"],
        dropped_at=row["dropped_at"],
    )
