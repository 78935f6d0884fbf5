"""What a Space is a copy of, as far as the one who asks may know of it (spaces-behaviour 6.12)."""

from __future__ import annotations

from dataclasses import replace

from spaceport.actor import Actor
from spaceport.authorize import Action, SpaceResource, authorize
from spaceport.errors import NotFound
from spaceport.ledger import Tx, spaces
from spaceport.ledger.origins import Origin
from spaceport.ledger.spaces import Space


def origin_of(tx: Tx, actor: Actor, space: Space) -> Origin | None:
    """The source under its present name; None for a Space that is no copy, or a copy of what this
    actor cannot see. A source that was public and is deleted keeps the name that it had."""
    if space.origin is None:
        return None
    try:
        source = spaces.get(tx, space.origin.key)
    except NotFound:
        source = None
    if source is None or source.deleted_at is not None:
        return space.origin if space.origin.public else None
    if not authorize(actor, Action.READ, SpaceResource.of(source)).allowed:
        return None
    return replace(space.origin, id=str(source.id), author_id=source.owner_id)
