"""Pull requests by real git: who pushes what to where, and what a merge does (11.12, 11.13)."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from gitserver.changes import AddFile
from gitserver.commit import CommitResult
from hub.pulls import MergeConflicts, Proposal
from spaceport.authorize import Denied
from spaceport.errors import Conflict, Forbidden, NotFound
from spaceport.ledger import discussion_entries, discussions, events, spaces
from spaceport.ledger.discussion_entries import EntryKind
from spaceport.ledger.discussions import Status
from spaceport.ledger.events import EventKind
from spaceport.ledger.spaces import Space
from spaceport.push import MAIN
from tests.hub.conftest import Hub
from tests.hub.pulling import Clone, actions, by, done, git, opened, present, ref


def heads_moved(hub: Hub, space: Space) -> int:
    with hub.context.ledger.read() as tx:
        found = events.of_space(tx, space.key)
    return sum(event.kind is EventKind.HEAD_MOVED for event in found)


@pytest.mark.req("11.12", "11.13", "180")
def test_a_contributor_pushes_to_their_own_and_it_is_merged(hub: Hub, tmp_path: Path) -> None:
    space = hub.space("paula/proposed")
    found = opened(hub, "peter", space, "A greeting")
    assert (found.number, found.ref, found.head) == (1, "refs/pr/1", None)
    clone = Clone.of(hub, "peter", space, tmp_path)
    commit = clone.commit("greeting.txt", "hello\n", "Greet")
    said = clone.pushed("refs/pr/1")
    assert "Pull request 1" in said and "/spaces/paula/proposed/discussions/1" in said
    now = present(hub, space, 1)
    assert (now.head, now.trusted, now.status) == (commit, False, Status.OPEN)
    with hub.context.ledger.read() as tx:
        told = discussion_entries.of(tx, space.key, 1)
        assert spaces.get(tx, space.key).head != commit
    assert [each.detail for each in told if each.kind is EntryKind.COMMIT] == [
        {"oid": commit, "subject": "Greet"}
    ]
    assert heads_moved(hub, space) == 1  # of its creation: a pull request builds nothing

    pulls = actions(hub)
    assert pulls.shown.outlook(now).mergeable
    files = pulls.shown.difference(now).files
    assert [each.changed.path for each in files] == ["greeting.txt"]
    assert [each.oid for each in pulls.shown.commits(now)] == [commit]
    with pytest.raises(Denied):
        hub.run(pulls.merge(by(hub, "peter"), space, 1))
    merge = hub.run(pulls.merge(by(hub, "paula"), space, 1, head=commit))
    assert ref(hub, space, MAIN) == merge
    merged = present(hub, space, 1)
    assert (merged.status, merged.merge_commit) == (Status.MERGED, merge)
    assert heads_moved(hub, space) == 2
    made = hub.context.content.commit(space.key, merge)
    assert made.parents[1:] == (commit,) and made.title == "A greeting (#1)"
    assert [each.oid for each in pulls.shown.commits(merged)] == [commit]
    assert len(pulls.shown.difference(merged).files) == 1
    with pytest.raises(Conflict, match="is merged"):
        hub.run(pulls.merge(by(hub, "paula"), space, 1))
    clone.commit("more.txt", "more\n")
    assert "pull request 1 is merged" in clone.refused("refs/pr/1")


def test_contributors_reach_nothing_else(hub: Hub, tmp_path: Path) -> None:
    space = hub.space("pia/proposed")
    clone = Clone.of(hub, "pete", space, tmp_path)
    clone.commit("x.txt", "x\n")
    told = clone.refused("refs/pr/1")  # none is theirs yet: they may read only
    assert "403" in told and "open a pull request" in told
    opened(hub, "pete", space)
    other = opened(hub, "paul", space)
    said = clone.refused("refs/heads/main")
    assert "git push origin HEAD:refs/pr/1" in said and "deny" not in said
    for to in ("refs/heads/new", "refs/tags/v1"):
        assert "you may push to your pull requests only" in clone.refused(to)
    assert "not your pull request" in clone.refused(other.ref)
    assert "there is no pull request 7" in clone.refused("refs/pr/7")
    ran = git(clone.folder, "push", "origin", "HEAD:refs/pr/1", "HEAD:refs/heads/new")
    assert ran.returncode != 0  # each ref by itself: the pull request is moved, the branch is not
    assert ref(hub, space, "refs/pr/1") == done(clone.folder, "rev-parse", "HEAD")
    assert ref(hub, space, "refs/heads/new") is None
    shown = done(clone.folder, "ls-remote", "origin")
    assert "refs/pr/1" in shown and "refs/pr/2" in shown
    writer = Clone.of(hub, "pia", space, tmp_path)
    writer.commit("y.txt", "y\n")
    writer.pushed(other.ref)
    assert present(hub, space, other.number).trusted
    assert "there is no pull request 7" in writer.refused("refs/pr/7")


def test_only_who_asks_for_it_fetches_one(hub: Hub, tmp_path: Path) -> None:
    space = hub.space("pola/proposed")
    opened(hub, "pit", space)
    clone = Clone.of(hub, "pit", space, tmp_path)
    commit = clone.commit("x.txt", "x\n")
    clone.pushed("refs/pr/1")
    (tmp_path / "others").mkdir()
    other = Clone.of(hub, "pola", space, tmp_path / "others")
    assert git(other.folder, "cat-file", "-e", commit).returncode != 0
    done(other.folder, "fetch", "-q", "origin", "refs/pr/1:pr/1")
    assert done(other.folder, "rev-parse", "pr/1") == commit


def test_closed_and_deleted_and_reopened(hub: Hub, tmp_path: Path) -> None:
    space = hub.space("petra/proposed")
    opened(hub, "piet", space)
    clone = Clone.of(hub, "piet", space, tmp_path)
    clone.commit("x.txt", "x\n")
    clone.pushed("refs/pr/1")
    assert (
        "the pull request is not closed" in git(clone.folder, "push", "origin", ":refs/pr/1").stderr
    )
    pulls, author = actions(hub), by(hub, "piet")
    hub.run(pulls.set_status(author, space, 1, Status.CLOSED))
    clone.commit("y.txt", "y\n")
    assert "pull request 1 is closed" in clone.refused("refs/pr/1")
    hub.run(pulls.set_status(author, space, 1, Status.OPEN))
    clone.pushed("refs/pr/1")
    with pytest.raises(Denied):
        hub.run(pulls.set_status(by(hub, "someone"), space, 1, Status.CLOSED))
    hub.run(pulls.set_status(by(hub, "petra"), space, 1, Status.CLOSED))
    done(clone.folder, "push", "-q", "origin", ":refs/pr/1")
    assert ref(hub, space, "refs/pr/1") is None
    with pytest.raises(Conflict, match="final"):
        hub.run(pulls.set_status(author, space, 1, Status.OPEN))
    assert "pull request 1 is closed" in clone.refused("refs/pr/1")
    opened(hub, "piet", space)
    hub.run(pulls.set_status(author, space, 2, Status.CLOSED))
    hub.run(pulls.delete_ref(author, space, 2))
    assert ref(hub, space, "refs/pr/2") is None


@pytest.mark.req("11.12")
def test_what_was_merged_by_hand_is_merged(hub: Hub, tmp_path: Path) -> None:
    space = hub.space("pam/proposed")
    opened(hub, "pim", space)
    opened(hub, "pim", space)
    clone = Clone.of(hub, "pim", space, tmp_path)
    first = clone.commit("x.txt", "x\n")
    clone.pushed("refs/pr/1")
    second = clone.commit("y.txt", "y\n")
    clone.pushed("refs/pr/2")
    keeper = Clone.of(hub, "pam", space, tmp_path)
    done(keeper.folder, "fetch", "-q", "origin", "refs/pr/*:refs/pull/*")
    done(keeper.folder, "merge", "-q", "--ff-only", "refs/pull/1")
    said = keeper.pushed("refs/heads/main")
    assert "Pull request 1 is merged" in said
    assert (present(hub, space, 1).merge_commit, present(hub, space, 2).status) == (
        first, Status.OPEN,
    )  # fmt: skip
    shown = actions(hub).shown.difference(present(hub, space, 1)).files
    assert [each.changed.path for each in shown] == ["x.txt"]
    keeper.commit("z.txt", "z\n")
    done(keeper.folder, "merge", "-q", "-m", "By hand", "refs/pull/2")
    keeper.pushed("refs/heads/main")
    merged = present(hub, space, 2)
    assert merged.merge_commit == done(keeper.folder, "rev-parse", "HEAD") != second
    assert [each.oid for each in actions(hub).shown.commits(merged)] == [second]


def test_conflicts_are_told_by_file_and_mended_by_a_push(hub: Hub, tmp_path: Path) -> None:
    space = hub.space("polly/proposed")
    keeper, clone = (Clone.of(hub, name, space, tmp_path) for name in ("polly", "pelle"))
    keeper.commit("app.py", "one\n")
    keeper.pushed("refs/heads/main")
    opened(hub, "pelle", space)
    clone.commit("app.py", "two\n")
    clone.commit("fine.txt", "fine\n")
    assert "fetch first" in clone.refused("refs/pr/1")  # it began at a later main than this clone
    clone.pushed("refs/pr/1", "--force")
    pulls = actions(hub)
    outlook = pulls.shown.outlook(present(hub, space, 1))
    assert outlook.conflicts == ("app.py",) and not outlook.mergeable
    before = ref(hub, space, MAIN)
    with pytest.raises(MergeConflicts, match=r"app\.py") as refused:
        hub.run(pulls.merge(by(hub, "polly"), space, 1))
    assert refused.value.files == ("app.py",)
    assert ref(hub, space, MAIN) == before
    done(clone.folder, "fetch", "-q", "origin", "main")
    git(clone.folder, "merge", "-q", "FETCH_HEAD")
    clone.commit("app.py", "both\n", "Mend")
    clone.pushed("refs/pr/1")
    assert pulls.shown.outlook(present(hub, space, 1)).mergeable
    hub.run(pulls.merge(by(hub, "polly"), space, 1))
    assert hub.context.content.read(space.key, ref(hub, space, MAIN) or "", "app.py", 99) == (
        b"both\n"
    )


def test_of_two_merges_one_wins_and_others_wait_their_turn(hub: Hub, tmp_path: Path) -> None:
    space = hub.space("paco/proposed")
    clone = Clone.of(hub, "pedro", space, tmp_path)
    for number in (1, 2, 3):
        opened(hub, "pedro", space, f"File {number}")
        done(clone.folder, "checkout", "-q", "-B", f"pr{number}", "origin/main")
        clone.commit(f"{number}.txt", "x\n")
        clone.pushed(f"refs/pr/{number}")
    pulls, keeper = actions(hub), by(hub, "paco")

    async def all_at_once() -> list[str | BaseException]:
        return await asyncio.gather(
            *(pulls.merge(keeper, space, number) for number in (1, 1, 2, 3)),
            return_exceptions=True,
        )

    ended = hub.run(all_at_once())
    lost = [each for each in ended if isinstance(each, BaseException)]
    assert [str(each) for each in lost] == ["Pull request 1 is merged."]
    head = ref(hub, space, MAIN) or ""
    names = {each.path for each in hub.context.content.tree(space.key, head)}
    assert {"1.txt", "2.txt", "3.txt"} <= names


def test_a_merge_is_of_what_was_looked_at(hub: Hub, tmp_path: Path) -> None:
    space = hub.space("perla/proposed")
    opened(hub, "per", space)
    clone = Clone.of(hub, "per", space, tmp_path)
    looked = clone.commit("x.txt", "x\n")
    clone.pushed("refs/pr/1")
    clone.commit("evil.txt", "x\n")
    clone.pushed("refs/pr/1")
    pulls, keeper = actions(hub), by(hub, "perla")
    with pytest.raises(Conflict, match="changed since you looked"):
        hub.run(pulls.merge(keeper, space, 1, head=looked))
    with pytest.raises(Conflict, match="changed since you looked"):
        hub.run(pulls.trust(keeper, space, 1, looked))
    with pytest.raises(Denied):
        hub.run(pulls.trust(by(hub, "per"), space, 1, looked))
    hub.run(pulls.trust(keeper, space, 1, present(hub, space, 1).head or ""))
    assert present(hub, space, 1).trusted
    clone.commit("later.txt", "x\n")
    clone.pushed("refs/pr/1")
    assert not present(hub, space, 1).trusted


def test_drafts_wait_and_an_empty_one_changes_nothing(hub: Hub) -> None:
    space = hub.space("pina/proposed")
    pulls, keeper = actions(hub), by(hub, "pina")
    draft = hub.run(pulls.open(by(hub, "pino"), space, "Empty", "Later."))
    assert draft.status is Status.DRAFT
    with pytest.raises(Conflict, match="is a draft"):
        hub.run(pulls.merge(keeper, space, 1))
    hub.run(pulls.set_status(keeper, space, 1, Status.OPEN))
    before = ref(hub, space, MAIN)
    assert hub.run(pulls.merge(keeper, space, 1)) == before == ref(hub, space, MAIN)
    assert present(hub, space, 1).status is Status.MERGED
    assert heads_moved(hub, space) == 1
    with pytest.raises(NotFound, match="no branch 'nowhere'"):
        hub.run(pulls.open(keeper, space, "X", base="refs/heads/nowhere"))


def test_who_does_not_see_the_space_sees_nothing(hub: Hub, tmp_path: Path) -> None:
    space = hub.space("prisca/proposed", visibility="private")
    opened(hub, "prisca", space)
    pulls = actions(hub)
    with pytest.raises(Denied) as hidden:
        hub.run(pulls.open(by(hub, "prosper"), space, "Let me in"))
    assert hidden.value.decision.status == 404
    with pytest.raises(Denied) as limited:
        hub.run(pulls.open(by(hub, "prisca", "read"), space, "By a token to read"))
    assert limited.value.decision.status == 403
    remote = f"http://x:{hub.token('prosper')}@localhost:{hub.port}/spaces/{space.id}"
    assert "not found" in git(tmp_path, "ls-remote", remote).stderr.lower()


def test_a_space_may_take_none(hub: Hub, tmp_path: Path) -> None:
    space = hub.space("pablo/proposed")
    opened(hub, "pepe", space)
    clone = Clone.of(hub, "pepe", space, tmp_path)
    with hub.context.ledger.write() as tx:
        discussions.set_wanted(tx, space.key, False)
    clone.commit("x.txt", "x\n")
    assert "takes no pull requests now" in clone.refused("refs/pr/1")
    with pytest.raises(Forbidden, match="takes no pull requests"):
        hub.run(actions(hub).open(by(hub, "pepe"), space, "Another"))
    with hub.context.ledger.write() as tx:
        discussions.set_wanted(tx, space.key, True)
    clone.pushed("refs/pr/1")


def test_who_hangs_up_has_proposed_all_the_same(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    space = hub.space("pilar/proposed")
    pulls, who = actions(hub), by(hub, "pascal")
    start = ref(hub, space, MAIN) or ""
    proposal = Proposal("Mine", "", "Mine", start, [AddFile("x.txt", b"x")])
    commit = pulls._commits.commit

    async def hang_up() -> None:
        begun, gone = asyncio.Event(), asyncio.Event()

        async def slowly(*args: Any) -> CommitResult:
            begun.set()
            await gone.wait()
            return await commit(*args)

        monkeypatch.setattr(pulls._commits, "commit", slowly)
        task = asyncio.ensure_future(pulls.open_with(who, space, proposal))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        gone.set()
        await asyncio.wait(set(pulls._running))

    hub.run(hang_up())
    found = present(hub, space, 1)
    assert (found.status, found.head) == (Status.OPEN, ref(hub, space, "refs/pr/1"))
