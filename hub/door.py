"""The doorkeeper of private Spaces: the proxy asks, the one authorisation function decides."""

from __future__ import annotations

from datetime import datetime

from hub.tickets import Ticket, Tickets, holder
from runtime.proxy.door import Admission, Credentials
from runtime.proxy.routes import Route
from spaceport.actor import Actor
from spaceport.authorize import Action, SpaceResource, authorize
from spaceport.errors import NotFound
from spaceport.identify import BadCredentials, by_token
from spaceport.ledger import Ledger, Tx, spaces
from spaceport.ledger.columns import now
from spaceport.ledger.spaces import Space
from spaceport.pools import Pools

REFUSED = Admission(False)


class HubDoor:
    """Implements `runtime.proxy.door.Doorkeeper` over the ledger."""

    def __init__(self, ledger: Ledger, pools: Pools, tickets: Tickets) -> None:
        self._ledger = ledger
        self._pools = pools
        self._tickets = tickets

    async def admit(self, route: Route, credentials: Credentials) -> Admission:
        return await self._pools.run("db", self._admit, route, credentials, now())

    def _admit(self, route: Route, shown: Credentials, at: datetime) -> Admission:
        """The first credential that opens counts; one that is wrong opens nothing and harms not:
        `Authorization` may well be meant for the app."""
        with self._ledger.read() as tx:
            try:
                space = spaces.get(tx, route.space_key)
            except NotFound:
                return REFUSED
            bearer = _token_holder(tx, shown.bearer, at)
            keep = bearer is None or bearer.id == space.owner_id
            for actor in (_token_holder(tx, shown.platform_bearer, at), bearer):
                if actor is not None and _may_enter(actor, space):
                    return Admission(True, keep_authorization=keep)
            for text, cookie in ((shown.ticket, shown.ticket), (shown.cookie, "")):
                actor = self._ticket_holder(tx, text, space, at)
                if actor is not None and _may_enter(actor, space):
                    # A ticket leaves the address for a cookie, and lives no longer there.
                    return Admission(True, cookie=cookie, keep_authorization=keep)
        return REFUSED

    def _ticket_holder(self, tx: Tx, text: str, space: Space, at: datetime) -> Actor | None:
        ticket: Ticket | None = self._tickets.read(text, at)
        if ticket is None or ticket.space_key != space.key:
            return None
        try:
            return holder(tx, ticket, at)
        except BadCredentials:
            return None


def _token_holder(tx: Tx, text: str, at: datetime) -> Actor | None:
    try:
        return by_token(tx, text, at) if text else None
    except BadCredentials:
        return None


def _may_enter(actor: Actor, space: Space) -> bool:
    if space.deleted_at is not None:
        return False
    return authorize(actor, Action.USE_APP, SpaceResource.of(space)).allowed
