"""Pull requests through the real client: open, fill, look at, publish, merge (hub-api 12)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import CommitOperationAdd, DiscussionCommit, DiscussionStatusChange
from huggingface_hub.errors import HfHubHTTPError

from gitserver.content import TooLarge
from hub.api import pulls
from hub.pulls_shown import PullsShown
from spaceport.ledger.discussions import Discussion
from spaceport.push import MAIN
from tests.hub.conftest import Hub
from tests.hub.pulling import present, ref
from tests.hub.talking import Hf, Talk, refused


def open_pull(talk: Talk, title: str = "Better") -> int:
    """A draft; its number."""
    return talk.api.create_pull_request(title=title, **talk.here).num


def commit(talk: Talk, revision: str, **files: str) -> str:
    operations = [CommitOperationAdd(f"{name}.txt", text.encode()) for name, text in files.items()]
    done = talk.api.create_commit(
        operations=operations, commit_message=f"Write {' '.join(files)}", revision=revision,
        **talk.here,
    )  # fmt: skip
    return str(done.oid)


def publish(talk: Talk, number: int) -> Any:
    return talk.api.change_discussion_status(discussion_num=number, new_status="open", **talk.here)


@pytest.mark.req("11.12")
def test_a_draft_is_filled_published_and_merged(hub: Hub) -> None:
    space = hub.space("prc-a/demo")
    owner, guest = Talk(hub, "prc-a", "prc-a/demo"), Talk(hub, "prc-guest", "prc-a/demo")
    made = guest.api.create_pull_request(title="A greeting", description="Why not", **guest.here)
    assert (made.num, made.status, made.is_pull_request) == (1, "draft", True)
    assert (made.git_reference, made.target_branch) == ("refs/pr/1", MAIN)
    assert (made.diff, made.conflicting_files, made.merge_commit_oid) == ("", [], None)
    oid = commit(guest, "refs/pr/1", greeting="hello\n")
    found = guest.details(1)
    assert found.diff is not None and "+++ b/greeting.txt" in found.diff and "+hello" in found.diff
    told = found.events[-1]
    assert isinstance(told, DiscussionCommit)
    assert (told.summary, told.oid, told.author) == ("Write greeting", oid, "prc-guest")
    here: dict[str, Any] = {"discussion_num": 1, **guest.here}
    refused(403, lambda: guest.api.merge_pull_request(**here), "rights")
    refused(409, lambda: owner.api.merge_pull_request(**here), "is a draft")
    opened = publish(guest, 1)
    assert isinstance(opened, DiscussionStatusChange) and opened.new_status == "open"
    owner.api.merge_pull_request(comment="Thanks!", **here)
    merged = owner.details(1)
    assert merged.status == "merged" and merged.merge_commit_oid == ref(hub, space, MAIN)
    assert merged.conflicting_files == [] and "+hello" in (merged.diff or "")
    assert [each.type for each in merged.events] == [
        *("comment", "commit", "status-change", "status-change", "comment")
    ]
    assert merged.events[-2].new_status == "merged" and merged.events[-1].content == "Thanks!"
    assert owner.api.file_exists(filename="greeting.txt", **owner.here)
    refused(409, lambda: owner.api.merge_pull_request(**here), "merged")
    refused(409, lambda: publish(owner, 1), "merged")


@pytest.mark.req("11.12")
def test_a_folder_becomes_a_pull_request(hub: Hub, tmp_path: Path) -> None:
    hub.space("prc-b/demo")
    owner, guest = Talk(hub, "prc-b", "prc-b/demo"), Talk(hub, "prc-guest", "prc-b/demo")
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages" / "one.txt").write_text("1")
    done = guest.api.upload_folder(
        folder_path=tmp_path, create_pr=True, commit_message="Pages", **guest.here
    )
    assert (done.pr_revision, done.pr_num) == ("refs/pr/1", 1)
    assert done.pr_url == f"{hub.url}/spaces/prc-b/demo/discussions/1"
    found = owner.details(1)
    assert found.is_pull_request and "+++ b/pages/one.txt" in (found.diff or "")
    assert not owner.api.file_exists(filename="pages/one.txt", **owner.here)
    assert owner.numbers(discussion_type="pull_request", discussion_status="open") == [1]
    once = guest.api.create_commit(
        operations=[CommitOperationAdd("two.txt", b"2")], commit_message="Two", create_pr=True,
        **guest.here,
    )  # fmt: skip
    assert once.pr_num == 2 and owner.details(2).status == "open"
    assert owner.numbers(discussion_type="discussion") == []


@pytest.mark.req("11.12")
def test_conflicts_are_named_and_nothing_is_merged(hub: Hub) -> None:
    space = hub.space("prc-c/demo")
    owner, guest = Talk(hub, "prc-c", "prc-c/demo"), Talk(hub, "prc-guest", "prc-c/demo")
    number = open_pull(guest)
    commit(guest, f"refs/pr/{number}", one="theirs\n", two="fine\n")
    publish(guest, number)
    commit(owner, "main", one="ours\n")
    before = ref(hub, space, MAIN)
    assert guest.details(number).conflicting_files == ["one.txt"]
    here: dict[str, Any] = {"discussion_num": number, **owner.here}
    refused(409, lambda: owner.api.merge_pull_request(comment="x", **here), "one.txt")
    found = owner.details(number)
    assert found.status == "open" and ref(hub, space, MAIN) == before
    assert [each.type for each in found.events] == ["comment", "commit", "status-change"]


@pytest.mark.req("11.12")
def test_the_commits_of_a_closed_one_are_deleted_for_good(hub: Hub) -> None:
    space = hub.space("prc-d/demo")
    owner, guest = Talk(hub, "prc-d", "prc-d/demo"), Talk(hub, "prc-guest", "prc-d/demo")
    number = open_pull(guest)
    commit(guest, f"refs/pr/{number}", one="1")
    path = f"/api/spaces/prc-d/demo/discussions/{number}/ref"

    def delete(who: Talk) -> int:
        return hub.wire.ask("DELETE", path, token=who.token).status

    assert delete(Talk(hub, "prc-other", "prc-d/demo")) == 403
    other = Talk(hub, "prc-other", "prc-d/demo")
    for status in ("open", "closed"):
        assert other.post(f"{number}/status", {"status": status}).status == 403
    assert delete(owner) == 409 and ref(hub, space, f"refs/pr/{number}") is not None
    here: dict[str, Any] = {"discussion_num": number, **guest.here}
    closed = guest.api.change_discussion_status(new_status="closed", comment="Not now", **here)
    assert closed.new_status == "closed"
    assert {each.content for each in guest.details(number).events if each.type == "comment"} > {
        "Not now"
    }
    publish(owner, number)
    owner.api.change_discussion_status(new_status="closed", **here)
    assert delete(guest) == 200 and ref(hub, space, f"refs/pr/{number}") is None
    assert delete(guest) == 200
    refused(409, lambda: publish(owner, number), "deleted, which is final")
    assert guest.details(number).status == "closed"


def test_a_discussion_is_no_pull_request_and_switched_off_there_are_none(hub: Hub) -> None:
    hub.space("prc-e/demo")
    owner, guest = Talk(hub, "prc-e", "prc-e/demo"), Talk(hub, "prc-guest", "prc-e/demo")
    talk, pull = guest.begin(), open_pull(guest)
    refused(404, lambda: owner.api.merge_pull_request(discussion_num=talk, **owner.here), "not a p")
    assert owner.post(f"{talk}/trust", {"head": "a" * 40}).status == 404
    body = {"discussionsDisabled": True}
    path = "/api/spaces/prc-e/demo"
    assert hub.wire.ask("PUT", f"{path}/settings", token=owner.token, json_body=body).status == 200
    refused(403, lambda: open_pull(guest))
    refused(403, lambda: publish(guest, pull), "disabled")
    refused(
        403, lambda: owner.api.merge_pull_request(discussion_num=pull, **owner.here), "disabled"
    )
    assert hub.wire.ask("DELETE", f"{path}/discussions/{pull}/ref", token=owner.token).status == 403


def test_a_writer_lets_one_head_run_and_no_later_one(hub: Hub) -> None:
    space = hub.space("prc-f/demo")
    owner, guest = Talk(hub, "prc-f", "prc-f/demo"), Talk(hub, "prc-guest", "prc-f/demo")
    number = open_pull(guest)
    first = commit(guest, f"refs/pr/{number}", one="1")
    assert guest.post(f"{number}/trust", {"head": first}).status == 403
    assert owner.post(f"{number}/trust", {"head": "a" * 40}).status == 409
    assert owner.post(f"{number}/trust", {"head": first}).status == 200
    assert present(hub, space, number).trusted
    changes = hub.wire.get(f"/api/spaces/prc-f/demo/discussions/{number}").json()["changes"]
    assert changes == {"base": MAIN, "head": first, "trusted": True}
    commit(guest, f"refs/pr/{number}", two="2")
    assert not present(hub, space, number).trusted
    assert owner.post(f"{number}/trust", {"head": first}).status == 409


def test_a_difference_comes_when_it_is_asked_for_and_can_be_held(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.space("prc-g/demo")
    guest = Talk(hub, "prc-guest", "prc-g/demo")
    number = open_pull(guest)

    def huge(self: PullsShown, found: Discussion) -> None:
        raise TooLarge("More than 3000 files differ.", hint="Compare with git: git diff A B")

    path = f"/api/spaces/prc-g/demo/discussions/{number}"
    assert "diff" not in hub.wire.get(path).json()
    commit(guest, f"refs/pr/{number}", one="line\n" * 100)
    monkeypatch.setattr(pulls, "MOST_DIFF", 500)
    assert "refs/pr/1 and compare with git" in hub.wire.get(f"{path}?diff=1").json()["diff"]
    monkeypatch.setattr(PullsShown, "difference", huge)
    assert hub.wire.get(f"{path}?diff=1").json()["diff"].startswith("More than 3000 files differ")


@pytest.mark.req("11.12")
def test_the_hf_command_opens_shows_and_merges(hub: Hub, tmp_path: Path) -> None:
    hub.space("prc-hf/demo")
    hf, talk = Hf(hub, "prc-hf", tmp_path), Talk(hub, "prc-hf", "prc-hf/demo")
    assert "refs/pr/1" in hf("create", "prc-hf/demo", "--title", "By hand", "--pr")
    assert "No diff available" in hf("diff", "prc-hf/demo", "1")
    commit(talk, "refs/pr/1", one="line\n")
    assert "+line" in hf("diff", "prc-hf/demo", "1")
    assert "By hand" in hf("list", "prc-hf/demo", "--status", "draft", "--kind", "pull_request")
    hf("reopen", "prc-hf/demo", "1", "--yes")
    hf("merge", "prc-hf/demo", "1", "--yes", "--comment", "done")
    assert "By hand" in hf("list", "prc-hf/demo", "--status", "merged")
    with pytest.raises(HfHubHTTPError):
        talk.api.merge_pull_request(discussion_num=1, **talk.here)
