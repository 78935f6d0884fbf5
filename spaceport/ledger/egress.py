"""Which network policy each Space has, and all its previews; without a row it is the default."""

from __future__ import annotations

from sqlalchemy import delete, insert, select

from spaceport.egress import Egress
from spaceport.ledger import spaces
from spaceport.ledger.database import Tx
from spaceport.ledger.tables import egress
from spaceport.names import SpaceKey


def of(tx: Tx, key: SpaceKey) -> Egress:
    found = tx.execute(select(egress.c.policy).where(egress.c.space_key == key)).scalar()
    return Egress() if found is None else Egress.from_json(found)


def set_(tx: Tx, key: SpaceKey, wanted: Egress, *, actor_id: str | None = None) -> bool:
    """The app restarts under it; false when it had it already."""
    if of(tx, key) == wanted:
        return False
    tx.execute(delete(egress).where(egress.c.space_key == key))
    if wanted != Egress():
        tx.execute(insert(egress).values(space_key=key, policy=wanted.to_json()))
    for each in (key, *spaces.preview_keys(tx, key)):
        spaces.settings_changed(tx, each, actor_id=actor_id, network=wanted.preset.value)
    return True
