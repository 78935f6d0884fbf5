"""After a push: one transaction, the lines, and the crash between ref and ledger."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from hooks.reconcile import HeadReconciler
from spaceport.ledger import events, pushes, spaces
from spaceport.ledger.events import EventKind
from spaceport.pools import Pools
from spaceport.push import MAIN, ZERO, RefUpdate
from spaceport.sdk import Sdk
from spaceport.stage import Wanted
from tests.hooks.conftest import Desk, git
from tests.waiting import aeventually


def kinds(desk: Desk) -> list[EventKind]:
    with desk.ledger.read() as tx:
        return [event.kind for event in events.of_space(tx, desk.space.key)][::-1]


def test_a_push_to_main_moves_head_and_card_in_one_step(desk: Desk) -> None:
    desk.write("README.md", "---\ntitle: New\nsdk: docker\nmine: 1\n---\n")
    desk.commit()
    push = desk.push()
    lines = desk.hooks.announce(push)
    space = desk.now()
    assert space.head == push.updates[0].new
    assert space.card == {"title": "New", "sdk": "docker", "mine": 1}
    assert space.sdk is Sdk.DOCKER
    assert kinds(desk)[2:] == [EventKind.REFS_MOVED, EventKind.HEAD_MOVED]
    with desk.ledger.read() as tx:
        [record] = pushes.of_space(tx, desk.space.key)
    assert record.updates == push.updates
    assert record.actor_id == desk.author
    text = "\n".join(lines)
    assert "http://hub.test/spaces/ada/hello" in text
    assert "http://ada-hello.apps.test" in text
    assert "hf spaces logs ada/hello --build -f" in text


@pytest.mark.req("11.10")
def test_another_branch_is_stored_and_wakes_no_builder(desk: Desk) -> None:
    desk.commit()
    lines = desk.hooks.announce(desk.push("refs/heads/draft"))
    assert lines[0] == "Space  http://hub.test/spaces/ada/hello"
    assert kinds(desk).count(EventKind.HEAD_MOVED) == 1


def test_without_a_block_the_card_is_empty_and_the_sdk_stays(desk: Desk) -> None:
    desk.write("README.md", "# Hello\n")
    desk.commit()
    desk.hooks.announce(desk.push())
    assert desk.now().card is None
    assert desk.now().sdk is Sdk.GRADIO


@pytest.mark.req("8.2.14")
def test_a_push_to_a_paused_space_says_when_it_is_built(desk: Desk) -> None:
    with desk.ledger.write() as tx:
        spaces.want(tx, desk.space.key, Wanted.PAUSED)
    desk.commit()
    assert "paused" in desk.hooks.announce(desk.push())[-1]
    assert desk.now().wanted is Wanted.PAUSED


def test_a_space_that_sleeps_is_woken_by_a_push(desk: Desk) -> None:
    with desk.ledger.write() as tx:
        spaces.want(tx, desk.space.key, Wanted.ASLEEP)
    desk.commit()
    desk.hooks.announce(desk.push())
    assert desk.now().wanted is Wanted.RUNNING


def test_announcements_in_the_wrong_order_leave_the_newest_head(desk: Desk) -> None:
    desk.commit("one")
    first = desk.push()
    desk.commit("two")
    second = desk.push()
    desk.hooks.announce(second)
    desk.hooks.announce(first)
    assert desk.now().head == second.updates[0].new
    assert kinds(desk).count(EventKind.HEAD_MOVED) == 2


def test_a_deleted_main_and_a_deleted_space(desk: Desk) -> None:
    head = desk.head()
    desk.hooks.announce(desk.push_of(head))
    assert desk.now().head == head
    git(desk.bare, "update-ref", "-d", MAIN)
    gone = desk.push_of(ZERO)
    lines = desk.hooks.announce(gone.__class__(gone.space, None, (RefUpdate(MAIN, head, ZERO),)))
    assert "gone" in lines[0]
    assert desk.now().head is None
    with desk.ledger.write() as tx:
        spaces.mark_deleted(tx, desk.space.key)
    assert "deleted" in desk.hooks.announce(gone)[0]


@pytest.mark.req("DUR-06")
async def test_a_head_that_the_ledger_does_not_know_is_found(desk: Desk) -> None:
    desk.write("README.md", "---\nsdk: static\n---\n")
    new = desk.commit()
    desk.push()  # and then the server died before it wrote the ledger
    pools = Pools()
    reconciler = HeadReconciler(desk.ledger, desk.repositories, pools, every=0.05)
    running = asyncio.create_task(reconciler.run())
    try:
        await aeventually(lambda: desk.now().head == new)
        assert desk.now().sdk is Sdk.STATIC
        desk.commit("later")
        later = desk.push().updates[0].new
        await aeventually(lambda: desk.now().head == later)
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
        pools.close()
    assert kinds(desk).count(EventKind.HEAD_MOVED) == 3


@pytest.mark.req("DUR-07")
def test_the_reconciler_leaves_alone_what_agrees_or_is_not_there(desk: Desk) -> None:
    reconciler = HeadReconciler(desk.ledger, desk.repositories, Pools())
    assert reconciler.sweep() == []
    desk.commit()
    desk.push()
    assert reconciler.sweep() == [desk.space.key]
    assert reconciler.sweep() == []
    (desk.bare / "HEAD").write_text("nonsense")
    assert reconciler.sweep() == []
    desk.repositories.delete(desk.space.key)
    assert reconciler.sweep() == []
