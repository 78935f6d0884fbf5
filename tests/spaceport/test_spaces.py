"""Spaces in the ledger."""

from __future__ import annotations

from datetime import timedelta

import pytest

from spaceport.authorize import readable
from spaceport.errors import Conflict, Invalid, NotFound
from spaceport.identify import by_token
from spaceport.ledger import Ledger, accounts, events, memberships, spaces, tokens
from spaceport.ledger.accounts import Account
from spaceport.ledger.columns import now
from spaceport.ledger.events import EventKind
from spaceport.ledger.spaces import Order, Readable, Space, Visibility
from spaceport.names import SpaceId
from spaceport.roles import Grant, OrgRole, Right, TokenRole
from spaceport.sdk import Sdk
from spaceport.stage import Wanted
from tests.spaceport.conftest import add_space


def test_a_space_is_found_whatever_the_case(ledger: Ledger, space: Space) -> None:
    with ledger.read() as tx:
        assert spaces.by_id(tx, SpaceId("aDA", "DEMO")) == space
        assert spaces.by_label(tx, "ada-demo") == space
        assert spaces.get(tx, space.key).id == SpaceId("Ada", "demo")
        with pytest.raises(NotFound):
            spaces.get(tx, "0" * 24)
    with ledger.write() as tx, pytest.raises(Conflict):
        add_space(tx, accounts.user(tx, "ada"), "Demo")


def test_labels_that_collide_are_made_unique(ledger: Ledger, ada: Account) -> None:
    with ledger.write() as tx:
        first, second = add_space(tx, ada, "a-b"), add_space(tx, ada, "a_b")
    assert first.host_label == "ada-a-b"
    assert second.host_label.startswith("ada-a-b-") and len(second.host_label) == 16


def test_bad_names_and_owners(ledger: Ledger, ada: Account) -> None:
    with ledger.write() as tx:
        with pytest.raises(Invalid):
            add_space(tx, ada, "a--b")
        with pytest.raises(NotFound):
            spaces.create(
                tx, "1" * 24, "0" * 24, "x", creator_id=ada.id,
                visibility=Visibility.PUBLIC, sdk=Sdk.STATIC,
            )  # fmt: skip


def test_deleting_frees_the_name_at_once(ledger: Ledger, ada: Account, space: Space) -> None:
    with ledger.write() as tx:
        spaces.mark_deleted(tx, space.key, actor_id=ada.id)
        assert spaces.by_id(tx, space.id) is None and spaces.by_label(tx, "ada-demo") is None
        assert spaces.keys(tx) == [] and spaces.keys(tx, deleted=True) == [space.key]
        again = add_space(tx, ada, "demo")
        assert again.host_label == "ada-demo" and spaces.count(tx) == 1
        spaces.purge(tx, again.key)  # not deleted, so it stays
        spaces.purge(tx, space.key)
        assert spaces.keys(tx, deleted=True) == [] and spaces.get(tx, again.key) == again


def test_wanted_states_and_counters(ledger: Ledger, space: Space) -> None:
    with ledger.write() as tx:
        assert spaces.want(tx, space.key, Wanted.PAUSED)
        assert not spaces.want(tx, space.key, Wanted.PAUSED)
        spaces.restart(tx, space.key)
        spaces.restart(tx, space.key, factory=True)
        spaces.set_flavor(tx, space.key, "cpu-upgrade")
        spaces.set_sleep(tx, space.key, 300)
        spaces.set_visibility(tx, space.key, Visibility.PRIVATE)
        found = spaces.get(tx, space.key)
    assert (found.wanted, found.restart_generation, found.factory_generation) == (
        Wanted.RUNNING,
        2,
        1,
    )
    assert (found.flavor, found.sleep_seconds, found.settings_version) == ("cpu-upgrade", 300, 1)
    assert found.visibility is Visibility.PRIVATE


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (Wanted.ASLEEP, Wanted.RUNNING),
        (Wanted.PAUSED, Wanted.PAUSED),
        (Wanted.RUNNING, Wanted.RUNNING),
    ],
)
def test_a_push_wakes_what_sleeps_and_nothing_else(
    ledger: Ledger, space: Space, before: Wanted, after: Wanted
) -> None:
    with ledger.write() as tx:
        spaces.want(tx, space.key, before)
        spaces.move_head(tx, space.key, "a" * 40, {"title": "T"}, sdk=Sdk.STATIC)
        found = spaces.get(tx, space.key)
        newest = events.of_space(tx, space.key)[0]
    assert (found.head, found.card, found.sdk, found.wanted) == (
        "a" * 40,
        {"title": "T"},
        Sdk.STATIC,
        after,
    )
    assert newest.kind is EventKind.HEAD_MOVED


def names(found: object) -> list[str]:
    return [space.id.name for space in found]  # type: ignore[attr-defined]


def test_a_search_in_pages_and_orders(ledger: Ledger, ada: Account) -> None:
    with ledger.write() as tx:
        made = [add_space(tx, ada, f"s{number}") for number in range(5)]
        spaces.set_visibility(tx, made[1].key, Visibility.PUBLIC)  # the latest change
        assert names(spaces.search(tx, limit=2)) == ["s1", "s4"]
        assert names(spaces.search(tx, order=Order.CREATED)) == ["s4", "s3", "s2", "s1", "s0"]
        mark = (made[3].created_at, made[3].key)
        assert names(spaces.search(tx, order=Order.CREATED, after=mark)) == ["s2", "s1", "s0"]
        assert names(spaces.search(tx, text="DA/S3")) == ["s3"]
        assert names(spaces.search(tx, text="%")) == names(spaces.search(tx, text="_")) == []
        assert names(spaces.search(tx, author="nobody")) == []


def test_a_list_holds_exactly_what_one_may_read(ledger: Ledger, ada: Account) -> None:
    """`readable` and `authorize` agree, for every kind of actor and visibility."""
    from spaceport.actor import ANONYMOUS, Actor
    from spaceport.authorize import Action, SpaceResource, authorize

    with ledger.write() as tx:
        bob = accounts.create_user(tx, "bob")
        lab, other = accounts.create_org(tx, "lab"), accounts.create_org(tx, "other")
        memberships.set_role(tx, lab, bob, OrgRole.READ)
        memberships.set_role(tx, other, bob, OrgRole.NO_ACCESS)
        made = [
            add_space(tx, owner, f"x{visibility}", visibility)
            for owner in (ada, bob, lab, other)
            for visibility in Visibility
        ]
        grants = [
            Grant(made[-4].key, frozenset({Right.READ})),  # a private one of the lab
            Grant(made[-1].key, frozenset(Right)),  # one that bob may not see himself
            Grant(bob.id, frozenset({Right.WRITE})),
            Grant(lab.id, frozenset()),
        ]
        texts = [
            tokens.create(tx, bob.id, "t", role, grants=given)[1]
            for role, given in (
                (TokenRole.READ, []),
                (TokenRole.WRITE, []),
                (TokenRole.FINE_GRAINED, []),
                (TokenRole.FINE_GRAINED, grants),
            )
        ]
        actors: list[Actor] = [ANONYMOUS, *(by_token(tx, text, now()) for text in texts)]
        for actor in actors:
            listed = {space.key for space in spaces.search(tx, readable=readable(actor))}
            allowed = {
                space.key
                for space in made
                if authorize(actor, Action.READ, SpaceResource.of(space)).allowed
            }
            assert listed == allowed
        assert len(spaces.search(tx, readable=Readable(everything=True))) == len(made)


def test_times_come_back_as_they_went(ledger: Ledger, space: Space) -> None:
    with ledger.read() as tx:
        found = spaces.get(tx, space.key)
    assert found == space and found.created_at.utcoffset() == timedelta(0)
