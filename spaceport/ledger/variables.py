"""Variables of a Space: public configuration, environment of its app (spaces-behaviour 5)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, insert, select, update

from spaceport.ledger import entries, spaces
from spaceport.ledger.columns import now
from spaceport.ledger.database import Tx
from spaceport.ledger.tables import secrets as secrets_table
from spaceport.ledger.tables import variables
from spaceport.names import SpaceKey

MAX_VALUE = 32 * 1024
MAX_COUNT = 200


@dataclass(frozen=True)
class Variable:
    name: str
    value: str
    description: str | None
    updated_at: datetime


def of(tx: Tx, key: SpaceKey) -> dict[str, str]:
    """Names and values, as the app's environment holds them."""
    return {entry.name: entry.value for entry in listed(tx, key)}


def listed(tx: Tx, key: SpaceKey) -> list[Variable]:
    """Sorted by name."""
    query = select(variables).where(variables.c.space_key == key).order_by(variables.c.name)
    return [
        Variable(row["name"], row["value"], row["description"], row["updated_at"])
        for row in tx.execute(query).mappings()
    ]


def set_(
    tx: Tx,
    key: SpaceKey,
    name: str,
    value: str,
    *,
    description: str | None = None,
    actor_id: str | None = None,
) -> None:
    """Add or overwrite; the app restarts with it. Raises `Invalid` naming the rule broken.

    A description that is not given stays as it is.
    """
    entries.check_name(name)
    entries.check_value(value, MAX_VALUE)
    entries.check_description(description)
    entries.check_free(tx, key, name, secrets_table)
    values = {"value": value, "updated_at": now()}
    if description is not None:
        values["description"] = description
    here = (variables.c.space_key == key, variables.c.name == name)
    if tx.execute(update(variables).where(*here).values(values)).rowcount == 0:
        entries.check_count(tx, key, variables, MAX_COUNT)
        tx.execute(insert(variables).values(space_key=key, name=name, **values))
    entries.check_total(tx, key)
    spaces.settings_changed(tx, key, actor_id=actor_id, variable=name, change="set")


def remove(tx: Tx, key: SpaceKey, name: str, *, actor_id: str | None = None) -> bool:
    """False when there was none."""
    here = (variables.c.space_key == key, variables.c.name == name)
    if tx.execute(delete(variables).where(*here)).rowcount == 0:
        return False
    spaces.settings_changed(tx, key, actor_id=actor_id, variable=name, change="removed")
    return True
