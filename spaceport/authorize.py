"""The one function that decides who may do what, for every door (spaces-behaviour 14.3, 14.4).

What is absent and what may not be known look the same: 401 to the anonymous, 404 to strangers.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, IntEnum

from spaceport.actor import Actor, Means
from spaceport.errors import Forbidden, NotFound, SpaceportError
from spaceport.ledger.spaces import Readable, Space, Visibility
from spaceport.roles import OrgRole, Right, TokenRole

REPO_NOT_FOUND = "RepoNotFound"


class Action(Enum):
    """What is asked for. On a Space: the first seven; on what somebody wrote in it: COMMENT,
    CHANGE, REWRITE; on a namespace: CREATE, TRANSFER."""

    USE_APP = "use this app"
    READ = "read this repository"
    CONTRIBUTE = "contribute to this repository"  # discuss, open pull requests, push to one's own
    READ_LOGS = "read these logs"
    WRITE = "write to this repository"
    MANAGE = "manage this Space"  # settings, secrets, hardware, pause, restart
    ADMINISTER = "administer this Space"  # rename, delete, visibility
    COMMENT = "comment here"
    CHANGE = "change this"  # title, status, what a pull request holds; hiding a comment
    REWRITE = "edit this comment"
    CREATE = "create a Space under this name"
    TRANSFER = "give Spaces of this owner to another"
    SEE_BILL = "see what this account used"
    SET_BUDGET = "set this account's budget"
    MANAGE_ORG = "manage this organisation"
    MANAGE_ACCOUNT = "manage this account"  # its tokens, keys, password
    ADMINISTER_SITE = "administer this server"


@dataclass(frozen=True)
class SpaceResource:
    """What the decision depends on of a Space. What is granted on a Space holds for its previews:
    `key` is the Space's in all of them."""

    key: str
    owner_id: str
    creator_id: str
    visibility: Visibility

    @classmethod
    def of(cls, space: Space) -> SpaceResource:
        return cls(space.repository_key, space.owner_id, space.creator_id, space.visibility)

    @classmethod
    def of_previews(cls, space: Space) -> SpaceResource:
        """Of any preview of this Space, there or not."""
        visibility = space.visibility.of_previews
        return cls(space.key, space.owner_id, space.creator_id, visibility)


@dataclass(frozen=True)
class Authored:
    """A discussion, pull request or comment that an account wrote in a Space."""

    space: SpaceResource
    author_id: str
    locked: bool = False


@dataclass(frozen=True)
class Namespace:
    """An account as the owner of things; an id that does not exist is denied like any other."""

    account_id: str


@dataclass(frozen=True)
class Site:
    """The installation."""


Resource = SpaceResource | Authored | Namespace | Site | None
"""None is a Space that does not exist."""


class Denied(SpaceportError):
    """A decision against it, as an error: for doors that raise (`Decision.require`)."""

    def __init__(self, decision: Decision) -> None:
        super().__init__(decision.message)
        self.decision = decision


@dataclass(frozen=True)
class Decision:
    """`status` is that of HTTP; `code` the client's `X-Error-Code`, if one fits."""

    allowed: bool
    status: int = 200
    message: str = ""
    code: str = ""

    def require(self) -> None:
        """Raise `Denied` unless it is allowed."""
        if not self.allowed:
            raise Denied(self)

    def error(self) -> SpaceportError:
        """The refusal in the words of `spaceport.errors`."""
        kind = Forbidden if self.status == 403 else NotFound
        return kind(self.message)


ALLOWED = Decision(True)
HIDDEN = Decision(False, 404, "Repository not found", REPO_NOT_FOUND)
SIGN_IN = Decision(False, 401, "Repository not found, or sign in to see it", REPO_NOT_FOUND)


class Level(IntEnum):
    """What an account may do with a Space at most, before its token is looked at."""

    STRANGER = 0
    READER = 1
    KEEPER = 2


_OPEN = {
    Visibility.PUBLIC: frozenset({Action.USE_APP, Action.READ}),
    Visibility.PROTECTED: frozenset({Action.USE_APP}),
    Visibility.PRIVATE: frozenset[Action](),
}
_READS = frozenset({Action.USE_APP, Action.READ})
_KEEPS = _READS | {Action.READ_LOGS, Action.WRITE, Action.MANAGE, Action.ADMINISTER}
_BY_LEVEL = {Level.STRANGER: frozenset[Action](), Level.READER: _READS, Level.KEEPER: _KEEPS}
_BY_RIGHT = {
    Right.READ: _READS,
    Right.WRITE: _READS | {Action.CONTRIBUTE, Action.READ_LOGS, Action.WRITE, Action.CREATE},
    Right.SETTINGS: _READS | {Action.READ_LOGS, Action.MANAGE, Action.ADMINISTER},
}
_READ_TOKEN = _READS | {Action.READ_LOGS}
_WRITE_TOKEN = _KEEPS | {Action.CONTRIBUTE, Action.CREATE}


def authorize(actor: Actor, action: Action, resource: Resource) -> Decision:
    """Decide. Pure: everything that it depends on is in its arguments."""
    if actor.means is Means.SYSTEM:
        return HIDDEN if resource is None else ALLOWED
    if isinstance(resource, Authored):
        return _on_authored(actor, action, resource)
    if isinstance(resource, Namespace):
        return _on_namespace(actor, action, resource)
    if isinstance(resource, Site):
        return ALLOWED if actor.is_site_admin else _refused(actor, action)
    return _on_space(actor, action, resource)


def level(actor: Actor, space: SpaceResource) -> Level:
    """What the account behind `actor` may do with a Space, whatever its token says."""
    if actor.account is None:
        return Level.STRANGER
    if actor.is_site_admin or actor.account.id == space.owner_id:
        return Level.KEEPER
    role = actor.roles.get(space.owner_id)
    if role in (OrgRole.WRITE, OrgRole.ADMIN):
        return Level.KEEPER
    if role is OrgRole.CONTRIBUTOR:
        return Level.KEEPER if space.creator_id == actor.account.id else Level.READER
    return Level.READER if role is OrgRole.READ else Level.STRANGER


def readable(actor: Actor) -> Readable:
    """Which Spaces a list may hold for `actor`: exactly those on which it is allowed to READ."""
    if actor.is_site_admin:
        return Readable(everything=True)
    if actor.account is None:
        return Readable()
    owners = {org for org, role in actor.roles.items() if role is not OrgRole.NO_ACCESS}
    owners.add(actor.account.id)
    token = actor.token
    if token is None or token.role is not TokenRole.FINE_GRAINED:
        return Readable(owners=frozenset(owners))
    targets = {grant.target_id for grant in token.grants if grant.rights}
    return Readable(
        owners=frozenset(owners & targets),
        keys=frozenset(targets - owners),
        key_owners=frozenset(owners),
    )


def _on_space(actor: Actor, action: Action, space: SpaceResource | None) -> Decision:
    if space is None:
        return SIGN_IN if actor.anonymous else HIDDEN
    own = _BY_LEVEL[level(actor, space)]
    if actor.account is not None and Action.READ in _OPEN[space.visibility] | own:
        own |= {Action.CONTRIBUTE}  # whoever may read, once signed in
    limited = own & _limit(actor, space.key, space.owner_id)
    able = _OPEN[space.visibility] | limited
    if action in able:
        return ALLOWED
    if Action.READ not in able:
        return SIGN_IN if actor.anonymous else HIDDEN
    return _refused(actor, action, by_token=action in own)


def _on_authored(actor: Actor, action: Action, thing: Authored) -> Decision:
    """Its author may as long as they may contribute; who may write to the Space may, but for
    putting words into another's mouth."""
    contributes = _on_space(actor, Action.CONTRIBUTE, thing.space)
    if not contributes.allowed:
        return contributes
    mine = actor.id == thing.author_id
    writes = _on_space(actor, Action.WRITE, thing.space).allowed
    if action is Action.COMMENT:
        if thing.locked and not writes:
            return Decision(False, 403, "This is locked: only who may write here can comment")
        return ALLOWED
    if mine or (writes and action is Action.CHANGE):
        return ALLOWED
    return _refused(actor, action)


def _on_namespace(actor: Actor, action: Action, namespace: Namespace) -> Decision:
    if actor.account is None:
        return _refused(actor, action)
    own = actor.account.id == namespace.account_id
    role = actor.roles.get(namespace.account_id)
    if action is Action.CREATE:
        may = own or role in (OrgRole.CONTRIBUTOR, OrgRole.WRITE, OrgRole.ADMIN)
        token_may = Action.CREATE in _limit(actor, namespace.account_id)
    elif action in (Action.TRANSFER, Action.SET_BUDGET, Action.SEE_BILL):
        may = own or role is OrgRole.ADMIN or actor.is_site_admin
        needed = Action.READ if action is Action.SEE_BILL else Action.CREATE
        token_may = needed in _limit(actor, namespace.account_id)
    elif action is Action.MANAGE_ORG:
        may = role is OrgRole.ADMIN or actor.is_site_admin
        token_may = actor.means is Means.SESSION
    else:
        may = action is Action.MANAGE_ACCOUNT and (own or actor.is_site_admin)
        token_may = actor.means is Means.SESSION
    if may and token_may:
        return ALLOWED
    return _refused(actor, action, by_token=may)


def _limit(actor: Actor, *targets: str) -> frozenset[Action]:
    """What the means of `actor` let through; sessions and SSH keys let everything through."""
    token = actor.token
    if token is None:
        return _WRITE_TOKEN
    if token.role is TokenRole.READ:
        return _READ_TOKEN
    if token.role is TokenRole.WRITE:
        return _WRITE_TOKEN
    granted = [grant.rights for grant in token.grants if grant.target_id in targets]
    return frozenset().union(*(_BY_RIGHT[right] for rights in granted for right in rights))


def _refused(actor: Actor, action: Action, *, by_token: bool = False) -> Decision:
    """To those who may know that the thing is there."""
    if actor.anonymous:
        return Decision(False, 401, f"Sign in to {action.value}")
    if by_token and actor.token is not None:
        role = actor.token.role.value
        return Decision(False, 403, f"This {role} token does not allow you to {action.value}")
    return Decision(False, 403, f"You don't have the rights to {action.value}")
