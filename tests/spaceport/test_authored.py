"""Who may contribute, and who may touch what somebody wrote (spaces-behaviour 11.12, 16.5)."""

from __future__ import annotations

import pytest

from spaceport.actor import ANONYMOUS, Actor
from spaceport.authorize import Action, Authored, SpaceResource, authorize
from spaceport.ledger.spaces import Visibility
from spaceport.roles import Grant, OrgRole, Right, TokenRole
from tests.spaceport.test_authorize import member, token

WRITER, READER = member(OrgRole.WRITE, "writer"), member(OrgRole.READ, "reader")
STRANGER = member(None, "stranger")
ACTIONS = (Action.COMMENT, Action.CHANGE, Action.REWRITE)


def space(visibility: Visibility = Visibility.PUBLIC) -> SpaceResource:
    return SpaceResource("key", "lab", "creator", visibility)


def may(actor: Actor, thing: Authored) -> list[bool]:
    """To comment, to change, to rewrite."""
    return [authorize(actor, action, thing).allowed for action in ACTIONS]


@pytest.mark.req("11.12")
def test_who_reads_may_contribute_once_signed_in() -> None:
    for visibility, readers in (
        (Visibility.PUBLIC, (WRITER, READER, STRANGER)),
        (Visibility.PROTECTED, (WRITER, READER)),
        (Visibility.PRIVATE, (WRITER, READER)),
    ):
        for actor in (WRITER, READER, STRANGER):
            decision = authorize(actor, Action.CONTRIBUTE, space(visibility))
            assert decision.status == (200 if actor in readers else 404), (visibility, actor.name)
        assert authorize(ANONYMOUS, Action.CONTRIBUTE, space(visibility)).status == 401


def test_of_tokens_only_those_contribute_that_write() -> None:
    read = Grant("key", frozenset({Right.READ}))
    write = Grant("key", frozenset({Right.WRITE}))
    elsewhere = Grant("other", frozenset(Right))
    for actor, status in (
        (token(TokenRole.WRITE), 200),
        (token(TokenRole.READ), 403),
        (token(TokenRole.FINE_GRAINED, write), 200),
        (token(TokenRole.FINE_GRAINED, read), 403),
        (token(TokenRole.FINE_GRAINED, elsewhere), 403),
    ):
        assert authorize(actor, Action.CONTRIBUTE, space()).status == status


@pytest.mark.req("16.5")
def test_the_author_may_everything_a_writer_all_but_rewrite_others_only_comment() -> None:
    thing = Authored(space(), "stranger")
    assert may(STRANGER, thing) == [True, True, True]
    assert may(WRITER, thing) == [True, True, False]
    assert may(READER, thing) == [True, False, False]
    assert may(ANONYMOUS, thing) == [False, False, False]


@pytest.mark.req("16.5")
def test_in_a_locked_one_only_writers_comment() -> None:
    thing = Authored(space(), "stranger", locked=True)
    assert may(STRANGER, thing) == [False, True, True]
    assert may(READER, thing) == [False, False, False]
    assert may(WRITER, thing) == [True, True, False]
    assert "locked" in authorize(STRANGER, Action.COMMENT, thing).message


@pytest.mark.req("API-01")
def test_an_author_who_lost_the_right_to_read_has_lost_all_of_it() -> None:
    thing = Authored(space(Visibility.PRIVATE), "stranger")
    nothing = authorize(STRANGER, Action.READ, None)
    assert {authorize(STRANGER, action, thing) for action in ACTIONS} == {nothing}
