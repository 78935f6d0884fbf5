"""Previews in the ledger: what is theirs, what follows their Space, what ends them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from spaceport.actor import ANONYMOUS, Actor, Means
from spaceport.authorize import Action, SpaceResource, authorize
from spaceport.egress import Egress, Preset
from spaceport.ledger import (
    Ledger,
    accounts,
    egress,
    events,
    moves,
    previews,
    secrets,
    spaces,
    variables,
)
from spaceport.ledger import tables as t
from spaceport.ledger.accounts import Account
from spaceport.ledger.columns import now
from spaceport.ledger.spaces import Space, Visibility
from spaceport.names import SpaceId
from spaceport.sealing import Keyring
from spaceport.stage import Wanted
from tests.spaceport.conftest import add_space

DRAFT = "refs/heads/draft"


def begin(ledger: Ledger, space: Space, ref: str = DRAFT, head: str = "a" * 40) -> Space:
    with ledger.write() as tx:
        parent = previews.hold(tx, space.key)
        assert parent is not None
        made = previews.begin(tx, parent, ref, sleep_seconds=60)
        spaces.move_head(tx, made.key, head, None)
        return spaces.get(tx, made.key)


def test_one_is_found_by_parent_ref_and_host_and_never_by_id(ledger: Ledger, space: Space) -> None:
    made = begin(ledger, space)
    with ledger.read() as tx:
        assert previews.of(tx, space.key) == [made]
        assert previews.find(tx, space.key, DRAFT) == made
        assert spaces.by_label(tx, "ada-demo--draft") == made
        assert spaces.by_id(tx, space.id) == space
        assert spaces.by_id(tx, SpaceId("ada", f"~{made.key}")) is None
        assert [each.key for each in spaces.search(tx)] == [space.key]
        assert spaces.count(tx) == 1
        assert set(spaces.keys(tx)) == {space.key, made.key}
    assert (made.wanted, made.head, made.repository_key) == (Wanted.ASLEEP, "a" * 40, space.key)
    assert made.dormant and not space.dormant


def test_variables_are_copied_once_and_secrets_never(
    ledger: Ledger, space: Space, keyring: Keyring
) -> None:
    with ledger.write() as tx:
        variables.set_(tx, space.key, "MODE", "fast", description="how")
        secrets.set_(tx, keyring, space.key, "TOKEN", "x")
    made = begin(ledger, space)
    with ledger.write() as tx:
        variables.set_(tx, space.key, "MODE", "slow")
        [copied] = variables.listed(tx, made.key)
        assert (copied.value, copied.description) == ("fast", "how")
        assert secrets.reveal(tx, keyring, made.key) == {}


def test_one_that_ended_leaves_a_mark_until_it_begins_again(ledger: Ledger, space: Space) -> None:
    made = begin(ledger, space)
    with ledger.write() as tx:
        previews.end(tx, made)
        assert previews.of(tx, space.key) == []
        assert previews.marks(tx, space.key) == {DRAFT: "a" * 40}
        assert previews.with_any(tx) == {space.key}
        with pytest.raises(ValueError, match="no preview"):
            previews.end(tx, space)
    begin(ledger, space)
    with ledger.read() as tx:
        assert previews.marks(tx, space.key) == {}


def test_overdue_is_what_neither_runs_nor_was_used(ledger: Ledger, space: Space) -> None:
    old, busy, fresh = (begin(ledger, space, f"refs/heads/{name}") for name in ("a", "b", "c"))
    with ledger.write() as tx:
        spaces.want(tx, busy.key, Wanted.RUNNING)
        before = now() - timedelta(hours=1)
        stale = t.spaces.c.key.in_([old.key, busy.key, space.key])
        tx.execute(t.spaces.update().where(stale).values(used_at=before))
        assert previews.overdue(tx, now() - timedelta(minutes=30)) == [spaces.get(tx, old.key)]
        spaces.want(tx, busy.key, Wanted.ASLEEP)  # falling asleep was its last use
        assert len(previews.overdue(tx, now() - timedelta(minutes=30))) == 1
    assert fresh.used_at is not None


def test_it_follows_its_space(ledger: Ledger, space: Space, ada: Account, keyring: Keyring) -> None:
    made = begin(ledger, space)
    with ledger.write() as tx:
        secrets.set_(tx, keyring, made.key, "TOKEN", "x")
        spaces.set_visibility(tx, space.key, Visibility.PROTECTED)
        assert spaces.get(tx, made.key).visibility is Visibility.PRIVATE
        moves.move(tx, spaces.get(tx, space.key), ada.id, "x" * 96)
        moved = spaces.get(tx, made.key)
        assert moved.id.name == "x" * 96
        assert "--draft-" in moved.host_label and len(moved.host_label) <= 63
        assert [entry.name for entry in secrets.names(tx, made.key)] == ["TOKEN"]
        org = accounts.create_org(tx, "lab")
        moves.move(tx, spaces.get(tx, space.key), org.id, "demo", keep_secrets=False)
        moved = spaces.get(tx, made.key)
        assert (moved.owner_id, moved.host_label) == (org.id, "lab-demo--draft")
        assert secrets.names(tx, made.key) == []
        spaces.mark_deleted(tx, space.key)
        assert spaces.get(tx, made.key).deleted_at is not None
        assert previews.hold(tx, space.key) is None
        assert events.of_space(tx, made.key)[0].kind.value == "space.deleted"


def test_the_network_policy_of_its_space_is_its_own(ledger: Ledger, space: Space) -> None:
    made = begin(ledger, space)
    with ledger.write() as tx:
        egress.set_(tx, space.key, Egress(Preset.NONE))
        changed = spaces.get(tx, made.key)
        assert changed.settings_version == made.settings_version + 1  # it restarts under it
        assert egress.of(tx, changed.repository_key) == Egress(Preset.NONE)


def test_a_name_of_any_length_can_be_deleted(ledger: Ledger, ada: Account) -> None:
    with ledger.write() as tx:
        made = add_space(tx, ada, "y" * 96)
        spaces.mark_deleted(tx, made.key)
        add_space(tx, ada, "y" * 96)


def test_rights_are_those_on_the_space(ledger: Ledger, ada: Account) -> None:
    with ledger.write() as tx:
        space = add_space(tx, ada, "closed", Visibility.PROTECTED)
    made = begin(ledger, space)
    owner, stranger = Actor(Means.SESSION, account=ada), ANONYMOUS
    for resource in (SpaceResource.of(made), SpaceResource.of_previews(space)):
        assert resource == SpaceResource.of(made)
        assert authorize(owner, Action.MANAGE, resource).allowed
        assert not authorize(stranger, Action.USE_APP, resource).allowed
    assert authorize(stranger, Action.USE_APP, SpaceResource.of(space)).allowed
