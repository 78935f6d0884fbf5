"""Deleting a Space: gone for everybody at once; what it leaves on disk is the janitor's task."""

from __future__ import annotations

from hub.context import HubContext
from spaceport.actor import Actor
from spaceport.authorize import Action, SpaceResource, authorize
from spaceport.ledger import spaces
from spaceport.names import SpaceId


def delete_space(context: HubContext, actor: Actor, space_id: SpaceId) -> None:
    """Delete it; blocks. From now on its name is free and it looks as if it had never been.

    Raises `authorize.Denied`. The supervisor stops what runs, then the janitor removes repository,
    logs and row.
    """
    with context.ledger.write() as tx:
        space = spaces.by_id(tx, space_id)
        resource = None if space is None else SpaceResource.of(space)
        authorize(actor, Action.ADMINISTER, resource).require()
        if space is not None:
            spaces.mark_deleted(tx, space.key, actor_id=actor.id)
