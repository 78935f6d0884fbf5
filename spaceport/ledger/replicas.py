"""Replicas: the running copies that the ledger knows of."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select, update

from spaceport.cause import Cause, Failure
from spaceport.ledger import events, usage
from spaceport.ledger.columns import now
from spaceport.ledger.database import Tx
from spaceport.ledger.events import EventKind
from spaceport.ledger.tables import releases, replicas
from spaceport.names import SpaceKey, new_key
from spaceport.states import REPLICA_MOVES, ReplicaState


@dataclass(frozen=True)
class Replica:
    id: str
    space_key: SpaceKey
    release_id: str
    state: ReplicaState
    engine: str
    handle: str | None
    port: int
    placement: Mapping[str, Any]
    price: int
    failure: Failure | None
    created_at: datetime
    ready_at: datetime | None
    gone_at: datetime | None
    holds: frozenset[str] = frozenset()  # what it mounts: see `volumes.held_disk`


def create(
    tx: Tx,
    key: SpaceKey,
    release_id: str,
    *,
    engine: str,
    port: int,
    placement: Mapping[str, Any] | None = None,
    price: int = 0,
    holds: Collection[str] = (),
    waited: float | None = None,
) -> Replica:
    """Note the intention to start one, before the engine is asked: a crash leaves a trace.

    `price`: micro-dollars an hour, as long as it serves. `waited`: seconds, for hardware.
    """
    replica_id = new_key()
    tx.execute(
        insert(replicas).values(
            id=replica_id,
            space_key=key,
            release_id=release_id,
            state=ReplicaState.STARTING.value,
            engine=engine,
            port=port,
            placement=dict(placement or {}),
            price=price,
            holds=sorted(holds),
            created_at=now(),
        )
    )
    detail: dict[str, Any] = {} if waited is None else {"waited": round(waited, 3)}
    events.append(
        tx, EventKind.REPLICA_CHANGED, key, replica=replica_id, state="starting", **detail
    )
    return get(tx, replica_id)


def started(tx: Tx, replica: Replica, handle: str, *, holds: Collection[str] | None = None) -> None:
    """Note the engine's name of the container, and what it mounts if that is not as planned."""
    values: dict[str, Any] = {"handle": handle}
    if holds is not None:
        values["holds"] = sorted(holds)
    tx.execute(update(replicas).where(replicas.c.id == replica.id).values(values))
    if replica.handle is None and replica.state is ReplicaState.STARTING:
        flavor = _flavor(tx, replica)
        usage.replica_started(tx, replica.space_key, replica.id, flavor, replica.price)


def move(tx: Tx, replica: Replica, state: ReplicaState, *, failure: Failure | None = None) -> bool:
    """Move a replica and write the event; false when it has moved meanwhile."""
    if state not in REPLICA_MOVES[replica.state]:
        raise ValueError(f"a replica does not move from {replica.state} to {state}")
    values: dict[str, Any] = {"state": state.value}
    if state is ReplicaState.READY and replica.ready_at is None:
        values["ready_at"] = now()
    if state is ReplicaState.GONE:
        values["gone_at"] = now()
    if failure is not None:
        values["cause"], values["detail"] = failure.cause.name, dict(failure.detail)
    unmoved = (replicas.c.id == replica.id, replicas.c.state == replica.state.value)
    moved = tx.execute(update(replicas).where(*unmoved).values(values)).rowcount
    if moved:
        kind = EventKind.REPLICA_CHANGED
        events.append(tx, kind, replica.space_key, replica=replica.id, state=state.value)
        _meter(tx, replica, state)
    return bool(moved)


def _meter(tx: Tx, replica: Replica, state: ReplicaState) -> None:
    """Frozen is running to everybody who looks, and holds what it was given: it is billed."""
    key = replica.space_key
    if state is ReplicaState.READY:
        flavor = _flavor(tx, replica)
        usage.replica_answered(tx, key, replica.id, flavor, replica.price)
    elif state in (ReplicaState.DRAINING, ReplicaState.GONE):
        usage.replica_left(tx, key, replica.id)


def _flavor(tx: Tx, replica: Replica) -> str:
    query = select(releases.c.flavor).where(releases.c.id == replica.release_id)
    return str(tx.execute(query).scalar_one())


def get(tx: Tx, replica_id: str) -> Replica:
    """Raises `LookupError`."""
    row = tx.execute(select(replicas).where(replicas.c.id == replica_id)).mappings().first()
    if row is None:
        raise LookupError(replica_id)
    return _replica(row)


def alive(tx: Tx, key: SpaceKey | None = None) -> list[Replica]:
    """Every replica that is not gone, of one Space or of all; oldest first."""
    query = select(replicas).where(replicas.c.state != ReplicaState.GONE.value)
    if key is not None:
        query = query.where(replicas.c.space_key == key)
    return [_replica(row) for row in tx.execute(query.order_by(replicas.c.created_at)).mappings()]


def since(tx: Tx, moment: datetime, limit: int = 200) -> list[Replica]:
    """Those that were started after `moment`, gone or not; newest first."""
    query = select(replicas).where(replicas.c.created_at > moment)
    rows = tx.execute(query.order_by(replicas.c.created_at.desc()).limit(limit)).mappings()
    return [_replica(row) for row in rows]


def newest(tx: Tx, key: SpaceKey) -> Replica | None:
    """The replica started last, gone or not: its log is the run log."""
    query = select(replicas).where(replicas.c.space_key == key)
    row = tx.execute(query.order_by(replicas.c.created_at.desc()).limit(1)).mappings().first()
    return None if row is None else _replica(row)


def latest(tx: Tx, key: SpaceKey, limit: int) -> list[Replica]:
    """Those started last, gone or not, newest first."""
    query = select(replicas).where(replicas.c.space_key == key)
    query = query.order_by(replicas.c.created_at.desc()).limit(limit)
    return [_replica(row) for row in tx.execute(query).mappings()]


def last_gone(tx: Tx, key: SpaceKey) -> Replica | None:
    """The replica that ended last."""
    query = select(replicas).where(replicas.c.space_key == key, replicas.c.gone_at.is_not(None))
    row = tx.execute(query.order_by(replicas.c.gone_at.desc()).limit(1)).mappings().first()
    return None if row is None else _replica(row)


def _replica(row: Mapping[Any, Any]) -> Replica:
    return Replica(
        id=row["id"],
        space_key=row["space_key"],
        release_id=row["release_id"],
        state=ReplicaState(row["state"]),
        engine=row["engine"],
        handle=row["handle"],
        port=row["port"],
        placement=row["placement"],
        price=row["price"] or 0,
        failure=Failure(Cause[row["cause"]], row["detail"]) if row["cause"] else None,
        created_at=row["created_at"],
        ready_at=row["ready_at"],
        gone_at=row["gone_at"],
        holds=frozenset(row["holds"] or ()),
    )
