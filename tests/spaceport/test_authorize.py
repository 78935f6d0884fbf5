"""The table of spaces-behaviour 14.3, cell by cell, and what tokens take away from it (14.4)."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from spaceport.actor import ANONYMOUS, SYSTEM, Actor, Means
from spaceport.authorize import (
    Action,
    Decision,
    Denied,
    Namespace,
    Site,
    SpaceResource,
    authorize,
)
from spaceport.ledger.accounts import Account, AccountKind
from spaceport.ledger.spaces import Visibility
from spaceport.ledger.tokens import Token
from spaceport.roles import Grant, OrgRole, Right, TokenRole

THEN = datetime(2026, 1, 1, tzinfo=UTC)
PUBLIC, PROTECTED, PRIVATE = Visibility.PUBLIC, Visibility.PROTECTED, Visibility.PRIVATE
KEEPING = (Action.READ_LOGS, Action.WRITE, Action.MANAGE, Action.ADMINISTER)


def account(name: str, *, admin: bool = False) -> Account:
    return Account(name, name, AccountKind.USER, "", None, admin, None, THEN)


def member(role: OrgRole | None, name: str = "me") -> Actor:
    return Actor(Means.SESSION, account(name), {} if role is None else {"lab": role})


def token(role: TokenRole, *grants: Grant, name: str = "me", admin: bool = False) -> Actor:
    made = Token("t", name, "t", role, grants, "tail", THEN, None, None)
    owner = account(name, admin=admin)
    return Actor(Means.TOKEN, owner, {"lab": OrgRole.WRITE}, token=made)


def space(visibility: Visibility, *, owner: str = "lab", creator: str = "other") -> SpaceResource:
    return SpaceResource("space", owner, creator, visibility)


ACTORS: dict[str, tuple[Actor, str, int]] = {
    # name: (actor, creator of the Space, column of the table: 0 nothing, 1 reads, 2 all)
    "anonymous": (ANONYMOUS, "other", 0),
    "stranger": (member(None), "other", 0),
    "member in name only": (member(OrgRole.NO_ACCESS), "other", 0),
    "reader": (member(OrgRole.READ), "other", 1),
    "contributor, another's": (member(OrgRole.CONTRIBUTOR), "other", 1),
    "contributor, own": (member(OrgRole.CONTRIBUTOR), "me", 2),
    "writer": (member(OrgRole.WRITE), "other", 2),
    "admin": (member(OrgRole.ADMIN), "other", 2),
    "creator who left": (member(None), "me", 0),
    "personal owner": (Actor(Means.SESSION, account("lab")), "other", 2),
    "site admin": (Actor(Means.SESSION, account("root", admin=True)), "other", 2),
    "site admin's token": (
        Actor(
            Means.TOKEN,
            account("root", admin=True),
            token=Token("t", "root", "t", TokenRole.WRITE, (), "tail", THEN, None, None),
        ),
        "other",
        0,
    ),
    "system": (SYSTEM, "other", 2),
}


@pytest.mark.parametrize("who", ACTORS)
@pytest.mark.parametrize("visibility", Visibility)
def test_the_table(who: str, visibility: Visibility) -> None:
    actor, creator, column = ACTORS[who]
    resource = space(visibility, creator=creator)
    expected = {
        Action.USE_APP: visibility is not PRIVATE or column >= 1,
        Action.READ: visibility is PUBLIC or column >= 1,
        **dict.fromkeys(KEEPING, column == 2),
    }
    assert {a: authorize(actor, a, resource).allowed for a in expected} == expected


@pytest.mark.req("API-01")
@pytest.mark.parametrize("action", [Action.READ, *KEEPING])
@pytest.mark.parametrize("actor", [ANONYMOUS, member(None), token(TokenRole.READ, name="other")])
def test_absent_and_forbidden_look_the_same(actor: Actor, action: Action) -> None:
    absent = authorize(actor, action, None)
    stranger = Actor(actor.means, actor.account, {}, actor.token)
    assert authorize(stranger, action, space(PRIVATE)) == absent
    assert authorize(stranger, action, space(PROTECTED)) == absent
    assert absent.status == (401 if actor.anonymous else 404)
    assert absent.code == "RepoNotFound"


def test_visible_but_not_writable() -> None:
    refused = authorize(member(None), Action.WRITE, space(PUBLIC))
    assert refused == Decision(False, 403, "You don't have the rights to write to this repository")
    assert authorize(ANONYMOUS, Action.WRITE, space(PUBLIC)).status == 401
    assert authorize(member(OrgRole.READ), Action.WRITE, space(PRIVATE)).status == 403


READ_TOKEN = {Action.USE_APP, Action.READ, Action.READ_LOGS}


@pytest.mark.parametrize(
    ("actor", "expected"),
    [
        (token(TokenRole.READ), READ_TOKEN),
        (token(TokenRole.WRITE), {*READ_TOKEN, *KEEPING}),
        (token(TokenRole.FINE_GRAINED), set()),
        (token(TokenRole.FINE_GRAINED, Grant("other", frozenset(Right))), set()),
        (
            token(TokenRole.FINE_GRAINED, Grant("space", frozenset({Right.READ}))),
            {Action.USE_APP, Action.READ},
        ),
        (
            token(TokenRole.FINE_GRAINED, Grant("space", frozenset({Right.WRITE}))),
            {*READ_TOKEN, Action.WRITE},
        ),
        (
            token(TokenRole.FINE_GRAINED, Grant("lab", frozenset({Right.SETTINGS}))),
            {*READ_TOKEN, Action.MANAGE, Action.ADMINISTER},
        ),
    ],
)
@pytest.mark.req("GIT-29")
def test_a_token_takes_away_and_never_adds(actor: Actor, expected: set[Action]) -> None:
    actions = {Action.USE_APP, Action.READ, *KEEPING}
    allowed = {action for action in actions if authorize(actor, action, space(PRIVATE)).allowed}
    assert allowed == expected
    left = Actor(actor.means, actor.account, {}, actor.token)
    assert not any(authorize(left, action, space(PRIVATE)).allowed for action in actions)
    assert authorize(left, Action.READ, space(PUBLIC)).allowed


def test_a_refusal_says_when_it_is_the_token() -> None:
    refused = authorize(token(TokenRole.READ), Action.WRITE, space(PRIVATE))
    assert (refused.status, refused.message) == (
        403,
        "This read token does not allow you to write to this repository",
    )
    unseen = authorize(token(TokenRole.FINE_GRAINED), Action.WRITE, space(PRIVATE))
    assert unseen.status == 404


@pytest.mark.parametrize(
    ("actor", "namespace", "allowed"),
    [
        (ANONYMOUS, "me", False),
        (member(None), "me", True),
        (member(None), "lab", False),
        (member(OrgRole.READ), "lab", False),
        (member(OrgRole.CONTRIBUTOR), "lab", True),
        (member(OrgRole.WRITE), "lab", True),
        (member(OrgRole.ADMIN), "nowhere", False),
        (token(TokenRole.READ), "me", False),
        (token(TokenRole.WRITE), "me", True),
        (token(TokenRole.WRITE), "lab", True),
        (token(TokenRole.FINE_GRAINED, Grant("me", frozenset({Right.WRITE}))), "me", True),
        (token(TokenRole.FINE_GRAINED, Grant("me", frozenset({Right.WRITE}))), "lab", False),
        (token(TokenRole.FINE_GRAINED, Grant("me", frozenset({Right.READ}))), "me", False),
        (SYSTEM, "me", True),
    ],
)
def test_creating_in_a_namespace(actor: Actor, namespace: str, allowed: bool) -> None:
    decision = authorize(actor, Action.CREATE, Namespace(namespace))
    assert decision.allowed == allowed
    if not allowed:
        assert decision.status == (401 if actor.anonymous else 403)


@pytest.mark.req("API-09")
@pytest.mark.parametrize("action", [Action.MANAGE_ACCOUNT, Action.MANAGE_ORG])
def test_accounts_are_managed_in_a_session_only(action: Action) -> None:
    for role in TokenRole:
        assert not authorize(token(role), action, Namespace("me")).allowed
    own = Namespace("me") if action is Action.MANAGE_ACCOUNT else Namespace("lab")
    assert authorize(member(OrgRole.ADMIN), action, own).allowed
    assert not authorize(member(OrgRole.WRITE), action, Namespace("lab")).allowed


@pytest.mark.req("API-09")
def test_the_site_is_its_administrators() -> None:
    action, site = Action.ADMINISTER_SITE, Site()
    assert authorize(Actor(Means.SESSION, account("root", admin=True)), action, site).allowed
    assert not authorize(token(TokenRole.WRITE, admin=True), action, site).allowed
    assert not authorize(member(OrgRole.ADMIN), action, site).allowed
    assert not authorize(ANONYMOUS, action, site).allowed


def test_a_refusal_can_be_raised() -> None:
    with pytest.raises(Denied, match="Repository not found") as caught:
        authorize(member(None), Action.READ, None).require()
    assert caught.value.decision.status == 404
    authorize(SYSTEM, Action.READ, space(PRIVATE)).require()
