"""Previews in the transaction of a push, and what the keeper finds after a crash."""

from __future__ import annotations

from datetime import timedelta

import pytest

from config.previews import PreviewSettings
from hooks.preview_keeper import PreviewKeeper
from spaceport.ledger import events, previews, spaces, variables
from spaceport.ledger import tables as t
from spaceport.ledger.columns import now
from spaceport.ledger.events import EventKind
from spaceport.ledger.overview import overview
from spaceport.ledger.spaces import Space, Visibility
from spaceport.pools import Pools
from spaceport.push import ZERO, RefUpdate
from spaceport.stage import Stage, Wanted
from tests.hooks.conftest import Desk, git

DRAFT = "refs/heads/draft"


def found(desk: Desk) -> list[Space]:
    with desk.ledger.read() as tx:
        return previews.of(tx, desk.space.key)


def keeper(desk: Desk, **settings: float) -> PreviewKeeper:
    return PreviewKeeper(desk.ledger, desk.repositories, Pools(), PreviewSettings(**settings))  # type: ignore[arg-type]


def sweep(desk: Desk, **settings: float) -> None:
    kept = keeper(desk, **settings)
    for key in kept.sweep():
        kept.keep(key)


@pytest.mark.req("11.10", "13.1.2")
def test_a_pushed_branch_gets_one_that_sleeps(desk: Desk) -> None:
    with desk.ledger.write() as tx:
        variables.set_(tx, desk.space.key, "MODE", "fast")
    desk.write("README.md", "---\ntitle: New\nsdk: docker\n---\n")
    new = desk.commit()
    lines = desk.hooks.announce(desk.push(DRAFT))
    [preview] = found(desk)
    assert (preview.ref, preview.head, preview.wanted) == (DRAFT, new, Wanted.ASLEEP)
    assert preview.host_label == "ada-hello--draft"
    assert preview.card == {"title": "New", "sdk": "docker"}
    assert lines[-2:] == [
        "Preview of draft: it starts when it is visited, at",
        "  http://ada-hello--draft.apps.test",
    ]
    with desk.ledger.read() as tx:
        assert variables.of(tx, preview.key) == {"MODE": "fast"}
        assert overview(tx, preview.key).standing.stage is Stage.SLEEPING
        assert [space.key for space in spaces.search(tx)] == [desk.space.key]
        assert spaces.count(tx) == 1
        assert spaces.by_id(tx, preview.id) == spaces.get(tx, desk.space.key)


def test_a_push_moves_it_and_wakes_nothing(desk: Desk) -> None:
    desk.commit()
    desk.hooks.announce(desk.push(DRAFT))
    new = desk.commit("more")
    desk.hooks.announce(desk.push(DRAFT))
    [preview] = found(desk)
    assert (preview.head, preview.wanted) == (new, Wanted.ASLEEP)
    assert desk.now().head != new
    with desk.ledger.write() as tx:
        spaces.want(tx, preview.key, Wanted.RUNNING)
    desk.commit("and more")
    assert "it is built anew" in "".join(desk.hooks.announce(desk.push(DRAFT)))


def test_a_deleted_branch_and_a_deleted_space_end_it(desk: Desk) -> None:
    head = desk.commit()
    desk.hooks.announce(desk.push(DRAFT))
    [preview] = found(desk)
    git(desk.bare, "update-ref", "-d", DRAFT)
    gone = desk.push_of(ZERO, DRAFT)
    desk.hooks.announce(gone.__class__(gone.space, None, (RefUpdate(DRAFT, head, ZERO),)))
    assert found(desk) == []
    desk.hooks.announce(desk.push("refs/heads/other"))
    [other] = found(desk)
    with desk.ledger.write() as tx:
        spaces.mark_deleted(tx, desk.space.key)
    with desk.ledger.read() as tx:
        for key in (preview.key, other.key):
            assert spaces.get(tx, key).deleted_at is not None
            kinds = [event.kind for event in events.of_space(tx, key)]
            assert kinds[0] is EventKind.SPACE_DELETED


@pytest.mark.req("DUR-06")
def test_the_keeper_finds_what_a_crash_left_out(desk: Desk) -> None:
    first = desk.commit()
    desk.push(DRAFT)  # and then the server died before it wrote the ledger
    git(desk.bare, "update-ref", "refs/heads/other", first)
    sweep(desk)
    assert [preview.host_label for preview in found(desk)] == [
        "ada-hello--draft",
        "ada-hello--other",
    ]
    second = desk.commit("more")
    desk.push(DRAFT)
    git(desk.bare, "update-ref", "-d", "refs/heads/other")
    sweep(desk)
    assert [(preview.ref, preview.head) for preview in found(desk)] == [(DRAFT, second)]


def test_the_time_of_one_that_nobody_uses_is_over(desk: Desk) -> None:
    desk.commit()
    desk.hooks.announce(desk.push(DRAFT))
    desk.hooks.announce(desk.push("refs/heads/busy"))
    sweep(desk, keep=3600)
    busy, draft = found(desk)
    old = now() - timedelta(hours=2)
    with desk.ledger.write() as tx:
        spaces.want(tx, busy.key, Wanted.RUNNING)
        tx.execute(t.spaces.update().values(used_at=old))
    sweep(desk, keep=3600)
    assert [preview.ref for preview in found(desk)] == ["refs/heads/busy"]
    with desk.ledger.read() as tx:
        assert spaces.get(tx, draft.key).deleted_at is not None
        assert desk.now().deleted_at is None  # Spaces themselves never go so
    desk.commit("a push brings it back")
    desk.hooks.announce(desk.push(DRAFT))
    assert [preview.ref for preview in found(desk)] == ["refs/heads/busy", DRAFT]


def test_labels_that_collide_or_are_long_are_told_apart(desk: Desk) -> None:
    desk.commit()
    for branch in ("fix/a", "fix-a", "x" * 200, "ü"):
        desk.hooks.announce(desk.push(f"refs/heads/{branch}"))
    labels = {preview.ref: preview.host_label for preview in found(desk)}
    assert len(set(labels.values())) == 4
    assert labels["refs/heads/fix/a"] == "ada-hello--fix-a"
    assert labels["refs/heads/fix-a"].startswith("ada-hello--fix-a-")
    assert all(len(label) <= 63 for label in labels.values())
    with desk.ledger.write() as tx:
        labels_of_spaces = {space.host_label for space in spaces.search(tx)}
    assert not labels_of_spaces & set(labels.values())


def test_no_room_is_told_and_switching_off_ends_all(desk: Desk) -> None:
    desk.commit()
    for number in range(10):
        desk.hooks.announce(desk.push(f"refs/heads/b{number}"))
    lines = desk.hooks.announce(desk.push(DRAFT))
    assert "No preview of draft: the Space has 10" in "\n".join(lines)
    with desk.ledger.write() as tx:
        previews.set_wanted(tx, desk.space.key, False)
    assert found(desk) == []
    assert "Only the branch 'main'" in desk.hooks.announce(desk.push(DRAFT))[0]
    sweep(desk)
    assert found(desk) == []
    with desk.ledger.write() as tx:
        previews.set_wanted(tx, desk.space.key, True)
    sweep(desk)
    assert len(found(desk)) == 10


def test_a_closed_repository_has_closed_previews(desk: Desk) -> None:
    desk.commit()
    with desk.ledger.write() as tx:
        spaces.set_visibility(tx, desk.space.key, Visibility.PROTECTED)
    lines = desk.hooks.announce(desk.push("refs/heads/a/b"))
    assert lines[-1] == "  http://hub.test/spaces/ada/hello/previews/a%2Fb"
    assert found(desk)[0].visibility is Visibility.PRIVATE
    with desk.ledger.write() as tx:
        spaces.set_visibility(tx, desk.space.key, Visibility.PUBLIC)
    assert found(desk)[0].visibility is Visibility.PUBLIC
