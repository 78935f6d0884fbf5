"""Secrets of a Space: sealed in the ledger, opened only for the app or its build (5.7, 5.17)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, LargeBinary, delete, func, insert, literal, select, update

from spaceport.ledger import entries, spaces
from spaceport.ledger.columns import now
from spaceport.ledger.database import Tx
from spaceport.ledger.keyring import in_step
from spaceport.ledger.tables import secrets
from spaceport.ledger.tables import variables as variables_table
from spaceport.names import SpaceKey
from spaceport.sealing import HEAD_BYTES, Keyring, Place, key_id, sealed_head

MAX_VALUE = 64 * 1024
MAX_COUNT = 100
RESEAL_BATCH = 20
_head = func.substr(secrets.c.sealed, 1, HEAD_BYTES, type_=LargeBinary)


@dataclass(frozen=True)
class SecretName:
    """All that anybody may see of a secret."""

    name: str
    description: str | None
    updated_at: datetime


def names(tx: Tx, key: SpaceKey) -> list[SecretName]:
    """Sorted by name."""
    query = select(secrets.c.name, secrets.c.description, secrets.c.updated_at)
    query = query.where(secrets.c.space_key == key).order_by(secrets.c.name)
    return [
        SecretName(row["name"], row["description"], row["updated_at"])
        for row in tx.execute(query).mappings()
    ]


def versions(tx: Tx, key: SpaceKey) -> dict[str, int]:
    """Names and versions; a version is never used twice within a Space."""
    query = select(secrets.c.name, secrets.c.version).where(secrets.c.space_key == key)
    return {row["name"]: row["version"] for row in tx.execute(query).mappings()}


def reveal(tx: Tx, keyring: Keyring, key: SpaceKey) -> dict[str, str]:
    """The values, for the app's environment and nothing else. Raises `sealing.Unsealable`."""
    query = select(secrets).where(secrets.c.space_key == key).order_by(secrets.c.name)
    return {
        row["name"]: keyring.open(row["sealed"], _place(row)).decode()
        for row in tx.execute(query).mappings()
    }


def set_(
    tx: Tx,
    keyring: Keyring,
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
    entries.check_free(tx, key, name, variables_table)
    here = (secrets.c.space_key == key, secrets.c.name == name)
    present = tx.execute(select(secrets.c.version).where(*here)).first()
    if present is None:
        entries.check_count(tx, key, secrets, MAX_COUNT)
    spaces.settings_changed(tx, key, actor_id=actor_id, secret=name, change="set")
    # The Space's own counter only grows, so that a deleted secret's version never comes back.
    version = spaces.get(tx, key).settings_version
    place = Place("secrets", key, name, version)
    values: dict[str, Any] = {
        "version": version,
        "sealed": in_step(tx, keyring).seal(value.encode(), place),
        "updated_at": now(),
    }
    if description is not None:
        values["description"] = description
    if present is None:
        tx.execute(insert(secrets).values(space_key=key, name=name, **values))
    else:
        tx.execute(update(secrets).where(*here).values(values))
    entries.check_total(tx, key)


def remove(tx: Tx, key: SpaceKey, name: str, *, actor_id: str | None = None) -> bool:
    """False when there was none."""
    here = (secrets.c.space_key == key, secrets.c.name == name)
    if tx.execute(delete(secrets).where(*here)).rowcount == 0:
        return False
    spaces.settings_changed(tx, key, actor_id=actor_id, secret=name, change="removed")
    return True


def reseal_some(tx: Tx, keyring: Keyring) -> int:
    """Seal a few of those that another key sealed with the current one; how many that were."""
    done = 0
    query = select(secrets).with_for_update()
    for row in list(tx.execute(query.where(_not_under(keyring)).limit(RESEAL_BATCH)).mappings()):
        value = keyring.open(row["sealed"], _place(row))
        here = (secrets.c.space_key == row["space_key"], secrets.c.name == row["name"])
        resealed = keyring.seal(value, _place(row))
        tx.execute(update(secrets).where(*here).values(sealed=resealed))
        done += 1
    return done


def keys_in_use(tx: Tx) -> frozenset[str]:
    """The ids of the keys that seal at least one secret."""
    return frozenset(key_id(head) for head in tx.execute(select(_head).distinct()).scalars())


def _not_under(keyring: Keyring) -> ColumnElement[bool]:
    return _head != literal(sealed_head(keyring.current), LargeBinary)


def _place(row: Any) -> Place:
    return Place("secrets", row["space_key"], row["name"], row["version"])
