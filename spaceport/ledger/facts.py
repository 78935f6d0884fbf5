"""The few values of the installation itself: its id, the sealing key's check, sealed keys."""

from __future__ import annotations

from typing import Literal

from sqlalchemy import delete, insert, select, update

from spaceport.ledger.database import Tx
from spaceport.ledger.tables import facts
from spaceport.names import new_key

INSTANCE = "instance"


Hold = Literal["no", "shared", "alone"]


def get(tx: Tx, name: str, *, hold: Hold = "no") -> str | None:
    """`hold` keeps others from changing it ("alone": also from holding it) until `tx` ends."""
    query = select(facts.c.value).where(facts.c.name == name)
    if hold != "no":
        # SQLite, where writers take turns anyway, leaves this out.
        query = query.with_for_update(read=hold == "shared")
    found = tx.execute(query).scalar()
    return None if found is None else str(found)


def put(tx: Tx, name: str, value: str) -> None:
    """Set or replace."""
    if tx.execute(update(facts).where(facts.c.name == name).values(value=value)).rowcount == 0:
        tx.execute(insert(facts).values(name=name, value=value))


def drop(tx: Tx, name: str) -> None:
    tx.execute(delete(facts).where(facts.c.name == name))


def named(tx: Tx, prefix: str) -> dict[str, str]:
    """Every fact whose name begins so."""
    query = select(facts).where(facts.c.name.startswith(prefix, autoescape=True))
    return {row["name"]: row["value"] for row in tx.execute(query).mappings()}


def instance_id(tx: Tx) -> str:
    """The id of this installation, made at its first start; every label carries it."""
    found = get(tx, INSTANCE)
    if found is None:
        found = new_key()
        put(tx, INSTANCE, found)
    return found
