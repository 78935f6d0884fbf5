"""Who may clone and push: the git server asks, the one authorisation function decides."""

from __future__ import annotations

from datetime import datetime

from gitserver.access import Admission, Credentials, Refusal, Service
from spaceport.actor import ANONYMOUS, Actor
from spaceport.authorize import Action, SpaceResource, authorize
from spaceport.identify import INVALID, BadCredentials, Shown, by_key, identify
from spaceport.ledger import Ledger, Tx, moves, pulls, tokens
from spaceport.ledger.columns import now
from spaceport.ledger.spaces import Space
from spaceport.names import SpaceId
from spaceport.pools import Pools
from spaceport.push import NOTHING, WRITER, Reach

ACTIONS = {
    Service.UPLOAD_PACK: Action.READ,
    Service.RECEIVE_PACK: Action.WRITE,  # or some pull requests, see `reach_of`
    Service.LARGE_FILES: Action.CONTRIBUTE,
}
PASSWORD_HINT = "Use an access token as the password; account passwords do not open git."  # noqa: S105

PROPOSE = "To propose a change, open a pull request, and push to that"


def reach_of(tx: Tx, actor: Actor, space: Space) -> Reach:
    """What somebody may push to: who may not write, only the pull requests that are theirs."""
    resource = SpaceResource.of(space)
    if authorize(actor, Action.WRITE, resource).allowed:
        return Reach(True, pulls.refs(tx, space.key))
    if actor.id is None or not authorize(actor, Action.CONTRIBUTE, resource).allowed:
        return NOTHING
    return Reach(False, pulls.refs(tx, space.key, actor.id))


class LedgerAccess:
    """Implements `gitserver.access.GitAccess`. Cookies are never looked at (GIT-28)."""

    def __init__(self, ledger: Ledger, pools: Pools) -> None:
        self._ledger = ledger
        self._pools = pools

    async def admit(
        self, credentials: Credentials, author: str, name: str, service: Service, address: str
    ) -> Admission | Refusal:
        space_id = SpaceId(author, name)
        return await self._pools.run("db", self._admit, credentials, space_id, service, now())

    def _admit(
        self, credentials: Credentials, space_id: SpaceId, service: Service, at: datetime
    ) -> Admission | Refusal:
        try:
            actor = self._actor(credentials, at)
        except BadCredentials as error:
            return Refusal(401, f"{error}. {error.hint}".strip())
        return self.decide(actor, space_id, service)

    def _actor(self, credentials: Credentials, at: datetime) -> Actor:
        """A token in either place; whatever else was shown is wrong, and never anonymous."""
        if credentials.anonymous:
            return ANONYMOUS
        for text in (credentials.token, credentials.user):
            if tokens.looks_like_one(text):
                return identify(self._ledger, Shown(token=text), at)
        raise BadCredentials(INVALID, hint=PASSWORD_HINT)

    def decide(self, actor: Actor, space_id: SpaceId, service: Service) -> Admission | Refusal:
        """For an actor who is known already; blocks."""
        with self._ledger.read() as tx:
            space = moves.find(tx, space_id)
            resource = None if space is None else SpaceResource.of(space)
            decision = authorize(actor, ACTIONS[service], resource)
            reach = WRITER
            if space is not None and service is Service.RECEIVE_PACK:
                reach = reach_of(tx, actor, space)
        if space is None or not (decision.allowed or reach.pulls):
            message = decision.message
            if resource is not None and authorize(actor, Action.CONTRIBUTE, resource).allowed:
                message += f". {PROPOSE}"
            return Refusal(decision.status, message)
        return Admission(
            space.key,
            actor_id=actor.id,
            label=str(space.id),
            detail={"actor": actor.name},
            actor=actor,
            reach=reach,
            moved=not space.called(space_id),
        )

    def by_ssh_key(self, fingerprint: str) -> Actor | None:
        """The owner of an SSH key (`SHA256:...`), or None; blocks."""
        try:
            with self._ledger.read() as tx:
                return by_key(tx, fingerprint)
        except BadCredentials:
            return None
