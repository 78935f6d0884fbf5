"""Pull requests around a push: what is noted, what a crash leaves out, and their previews."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace

import pytest

from config.git import GitSettings
from config.previews import PreviewSettings
from hooks.preview_keeper import PreviewKeeper
from hooks.pull_keeper import PullKeeper
from hooks.push_hooks import PushHooks
from hooks.reconcile import HeadReconciler
from spaceport.ledger import discussion_entries, discussions, previews, pulls, spaces
from spaceport.ledger.discussion_entries import EntryKind
from spaceport.ledger.discussions import Discussion, Status
from spaceport.pools import Pools
from spaceport.push import MAIN, ZERO, Push, Reach, RefUpdate
from spaceport.stage import Wanted
from tests.hooks.conftest import PLACES, Desk, add_account, git
from tests.waiting import aeventually

PULL = "refs/pr/1"
CONTRIBUTOR = Reach(False, frozenset({PULL}))
WRITER = Reach(True, frozenset({PULL}))


@pytest.fixture
def bob(desk: Desk) -> str:
    """Who may not write, and has opened a pull request."""
    id = add_account(desk.ledger, "bob")
    with desk.ledger.write() as tx:
        discussions.begin(tx, desk.space.key, id, "Better", base=MAIN)
    return id


def now(desk: Desk) -> Discussion:
    with desk.ledger.read() as tx:
        return discussions.get(tx, desk.space.key, 1)


def pushed(desk: Desk, reach: Reach, ref: str = PULL) -> list[str]:
    return desk.hooks.announce(replace(desk.push(ref), reach=reach))


def commits(desk: Desk) -> list[str]:
    with desk.ledger.read() as tx:
        told = discussion_entries.of(tx, desk.space.key, 1)
    return [each.detail["oid"] for each in told if each.kind is EntryKind.COMMIT]


def previewed(desk: Desk) -> dict[str | None, str | None]:
    keeper = PreviewKeeper(desk.ledger, desk.repositories, Pools(), PreviewSettings())
    for key in keeper.sweep():
        keeper.keep(key)
    with desk.ledger.read() as tx:
        return {each.ref: each.head for each in previews.of(tx, desk.space.key)}


@pytest.mark.req("11.12", "11.13")
def test_commits_are_told_once_and_the_head_is_where_the_ref_is(desk: Desk, bob: str) -> None:
    first = desk.commit("one")
    desk.push(PULL)
    second = desk.commit("two")
    late = replace(desk.push(PULL), reach=CONTRIBUTOR)
    early = Push(desk.space.key, bob, (RefUpdate(PULL, ZERO, first),), reach=CONTRIBUTOR)
    desk.hooks.announce(late)
    desk.hooks.announce(early)
    assert (now(desk).head, now(desk).trusted) == (second, False)
    assert sorted(commits(desk)) == sorted([first, second])
    git(desk.work, "reset", "-q", "--hard", "HEAD~1")
    pushed(desk, WRITER)
    assert (now(desk).head, now(desk).trusted) == (first, True)
    git(desk.work, "reset", "-q", "--hard", "HEAD~1")
    pushed(desk, WRITER)  # nothing of its own any more: the base moving on merges nothing
    assert now(desk).head is None
    desk.commit("of main")
    assert "is merged" not in "".join(pushed(desk, WRITER, MAIN))
    assert now(desk).status is Status.OPEN


@pytest.mark.req("DUR-06")
def test_a_crash_after_a_push_is_made_good_and_nothing_is_trusted(desk: Desk, bob: str) -> None:
    keeper = PullKeeper(desk.ledger, desk.repositories)
    assert keeper.sweep() == []
    head = desk.commit("one")
    desk.push(PULL)  # and then the server died before it wrote the ledger
    assert keeper.sweep() == [desk.space.key]
    assert (now(desk).head, now(desk).trusted, commits(desk)) == (head, False, [head])
    assert keeper.sweep() == []
    git(desk.bare, "update-ref", "-d", PULL)
    assert keeper.sweep() == [desk.space.key]
    assert now(desk).head is None


@pytest.mark.req("DUR-06")
@pytest.mark.parametrize("how", ["--ff-only", "--no-ff"])
def test_a_crash_after_a_merge_is_made_good(desk: Desk, bob: str, how: str) -> None:
    keeper = PullKeeper(desk.ledger, desk.repositories)
    head = desk.commit("one")
    pushed(desk, CONTRIBUTOR)
    assert keeper.sweep() == []
    git(desk.work, "checkout", "-q", "-B", "main", "origin/main")
    git(desk.work, "merge", "-q", how, head)
    desk.push(MAIN)
    assert keeper.sweep() == [desk.space.key]
    found = now(desk)
    assert found.status is Status.MERGED
    assert found.merge_commit == git(desk.work, "rev-parse", "HEAD")
    assert (found.merge_commit == head) == (how == "--ff-only")


def test_what_comes_too_late_is_said(desk: Desk, bob: str) -> None:
    desk.commit("one")
    push = replace(desk.push(PULL), reach=CONTRIBUTOR)
    with desk.ledger.write() as tx:
        found = discussions.get(tx, desk.space.key, 1)
        discussions.set_status(tx, found, Status.CLOSED, bob)
    assert "was closed meanwhile" in "\n".join(desk.hooks.announce(push))
    assert now(desk).head is None


def test_only_what_is_trusted_is_previewed(desk: Desk, bob: str) -> None:
    desk.commit("one")
    told = pushed(desk, CONTRIBUTOR)
    assert not [line for line in told if "Preview" in line] and previewed(desk) == {}
    head = now(desk).head or ""
    with desk.ledger.write() as tx:
        pulls.trust(tx, discussions.get(tx, desk.space.key, 1), head, desk.author)
    assert previewed(desk) == {PULL: head}
    with desk.ledger.read() as tx:
        [preview] = previews.of(tx, desk.space.key)
        assert preview.wanted is Wanted.ASLEEP
    desk.commit("two")
    pushed(desk, CONTRIBUTOR)  # ends in the transaction that notes the push
    with desk.ledger.read() as tx:
        assert previews.of(tx, desk.space.key) == []
        assert spaces.get(tx, preview.key).deleted_at is not None
    third = desk.commit("three")
    assert "Preview of refs/pr/1" in "".join(pushed(desk, WRITER))
    assert previewed(desk) == {PULL: third}


@pytest.mark.parametrize("status", [Status.CLOSED, Status.MERGED])
def test_a_preview_ends_with_its_pull_request(desk: Desk, bob: str, status: Status) -> None:
    head = desk.commit("one")
    pushed(desk, WRITER)
    assert previewed(desk) == {PULL: head}
    with desk.ledger.write() as tx:
        discussions.set_status(tx, discussions.get(tx, desk.space.key, 1), status, bob)
    assert previewed(desk) == {}


def test_a_head_that_comes_while_another_is_noted_is_not_run(desk: Desk, bob: str) -> None:
    trusted = desk.commit("one")
    by_writer = replace(desk.push(PULL), reach=WRITER)
    desk.commit("evil")
    by_contributor = replace(desk.push(PULL), reach=CONTRIBUTOR)
    desk.hooks.announce(by_writer)  # the ref is at another head by now
    assert (now(desk).trusted, previewed(desk)) == (False, {})
    desk.hooks.announce(by_contributor)
    assert (now(desk).trusted, previewed(desk)) == (False, {})
    assert now(desk).head != trusted


def test_contributors_leave_room_for_who_may_write(desk: Desk, bob: str) -> None:
    present = sum(file.stat().st_size for file in desk.bare.rglob("objects/**/*") if file.is_file())
    settings = GitSettings(repository_bytes=present * 3 // 2)
    desk.hooks = PushHooks(desk.ledger, desk.repositories, PLACES, settings=settings)
    push = replace(desk.push_of(desk.commit("small"), PULL), detail={"pack_bytes": "1"})
    assert desk.judged(replace(push, reach=WRITER)) == []
    [refused] = desk.judged(replace(push, reach=CONTRIBUTOR))
    assert refused.reason == "the repository would become too large"
    assert "is for who may write" in refused.message


@pytest.mark.req("DUR-06")
async def test_the_reconciler_looks_at_pull_requests_too(desk: Desk, bob: str) -> None:
    head = desk.commit("one")
    desk.push(PULL)
    reconciler = HeadReconciler(desk.ledger, desk.repositories, Pools(), every=0.05)
    running = asyncio.create_task(reconciler.run())
    try:
        await aeventually(lambda: now(desk).head == head)
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


def test_a_history_that_cannot_be_read_keeps_no_push_from_the_ledger(desk: Desk, bob: str) -> None:
    before = desk.head()
    head = desk.commit("one")
    pushed(desk, CONTRIBUTOR)
    lost = RefUpdate(MAIN, "1" * 40, before)  # nobody has the commit that it says it comes from
    assert desk.hooks.announce(Push(desk.space.key, desk.author, (lost,)))
    desk.commit("two")
    push = replace(desk.push(PULL), reach=CONTRIBUTOR)
    broken = replace(push, updates=(replace(push.updates[0], old="1" * 40),))
    assert "Pull request 1" in "".join(desk.hooks.announce(broken))
    assert now(desk).head == push.updates[0].new != head
