"""Renaming a Space and giving it to another owner (spaces-behaviour 14.6, API-31)."""

from __future__ import annotations

from dataclasses import dataclass

from hub.context import HubContext
from spaceport.actor import Actor
from spaceport.authorize import Action, Namespace, SpaceResource, authorize
from spaceport.errors import Forbidden, Invalid
from spaceport.ledger import Tx, accounts, moves, secrets, spaces
from spaceport.ledger.accounts import Account, AccountKind
from spaceport.ledger.spaces import Space
from spaceport.names import SpaceId, check_space_name


@dataclass(frozen=True)
class Moved:
    """`lost_secrets`: names of secrets that did not follow to another owner."""

    space: Space
    lost_secrets: tuple[str, ...] = ()


def move_space(
    context: HubContext,
    actor: Actor,
    source: SpaceId,
    target: SpaceId,
    *,
    keep_secrets: bool = False,
) -> Moved:
    """Move it; blocks. Addresses of before lead to the new ones.

    Secrets stay at a rename. They follow to another owner only when `keep_secrets` says so, for
    all who may write there can use them. Raises `authorize.Denied`, `Conflict` for a name that is
    taken, `Invalid` for one that no Space can have.
    """
    with context.ledger.write() as tx:
        space = spaces.by_id(tx, source)
        resource = None if space is None else SpaceResource.of(space)
        authorize(actor, Action.ADMINISTER, resource).require()
        if space is None:
            raise Invalid(f"There is no Space {source}.")
        check_space_name(target.name)
        owner = _new_owner(tx, actor, space, target.author)
        stays = owner.id == space.owner_id or keep_secrets
        lost = () if stays else tuple(entry.name for entry in secrets.names(tx, space.key))
        moved = moves.move(tx, space, owner.id, target.name, keep_secrets=stays, actor_id=actor.id)
    return Moved(moved, lost)


def _new_owner(tx: Tx, actor: Actor, space: Space, name: str) -> Account:
    owner = accounts.by_name(tx, name)
    if owner is not None and owner.id == space.owner_id:
        return owner
    authorize(actor, Action.TRANSFER, Namespace(space.owner_id)).require()
    authorize(actor, Action.CREATE, Namespace(owner.id if owner else "")).require()
    if owner is None:
        raise Invalid(f"There is no account called {name!r}.")
    own = actor.account is not None and actor.account.id == owner.id
    before = accounts.get(tx, space.owner_id)
    if owner.kind is AccountKind.USER and before.kind is AccountKind.USER and not own:
        raise Forbidden(
            "A Space cannot be given to another person.",
            hint="They can duplicate it, or you move it to an organisation that you share.",
        )
    return owner
