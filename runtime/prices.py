"""What a Space's hardware costs now."""

from __future__ import annotations

from config.catalogue import Catalogue
from spaceport.ledger import grants
from spaceport.ledger.database import Tx
from spaceport.names import SpaceKey
from spaceport.statement import micro_dollars


def price_now(tx: Tx, catalogue: Catalogue, key: SpaceKey, flavor: str) -> int:
    """Micro-dollars an hour; what the catalogue does not know costs nothing, and does not run.

    What is granted to the Space costs nothing either (4.7).
    """
    granted = grants.in_force(tx, key)
    if granted is not None and granted.flavor == flavor:
        return 0
    return micro_dollars(catalogue.flavor(flavor).price) if catalogue.has_flavor(flavor) else 0
