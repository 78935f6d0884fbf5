"""Discussions through the real client: open, list, answer, edit, hide, close (hub-api 12)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import DiscussionComment, DiscussionStatusChange, DiscussionTitleChange, HfApi
from huggingface_hub.errors import BadRequestError, RepositoryNotFoundError

from spaceport.ledger import accounts, discussion_entries, memberships
from spaceport.ledger import discussions as ledger
from spaceport.ledger import tables as t
from spaceport.roles import OrgRole
from tests.hub.conftest import Hub
from tests.hub.talking import Hf, Talk, refused


@pytest.mark.req("16.5")
def test_open_one_and_read_it(hub: Hub) -> None:
    hub.space("talk-a/demo")
    ada, guest = Talk(hub, "talk-a", "talk-a/demo"), Talk(hub, "talk-guest", "talk-a/demo")
    made = guest.api.create_discussion(title="  A question ", description="Why *so*?", **guest.here)
    assert (made.num, made.title, made.status, made.author) == (
        1,
        "A question",
        "open",
        "talk-guest",
    )
    assert made.url == f"{hub.url}/spaces/talk-a/demo/discussions/1"
    assert made.repo_id == "talk-a/demo" and made.repo_type == "space"
    assert not made.is_pull_request and made.diff is None and made.target_branch is None
    (said,) = ada.details(1).events
    assert isinstance(said, DiscussionComment)
    assert (said.author, said.content, said.edited, said.hidden) == (
        "talk-guest",
        "Why *so*?",
        False,
        False,
    )
    assert said.rendered.strip() == "<p>Why <em>so</em>?</p>"
    assert said.last_edited_by == "talk-guest" and said.edit_history == []
    anybody = HfApi(endpoint=hub.url, token=False)
    assert anybody.get_discussion_details(discussion_num=1, **ada.here).title == "A question"
    refused(401, lambda: anybody.create_discussion(title="x", **ada.here))
    refused(404, lambda: ada.details(2), "no discussion or pull request 2")


def test_lists_filter_and_come_in_pages(hub: Hub) -> None:
    hub.space("talk-b/demo")
    bea, guest = Talk(hub, "talk-b", "talk-b/demo"), Talk(hub, "talk-guest", "talk-b/demo")
    assert bea.numbers() == []
    for number in range(1, 54):
        assert bea.post("", {"title": f"number {number}", "description": ""}).status == 200
    first = guest.begin()
    bea.api.change_discussion_status(discussion_num=7, new_status="closed", **bea.here)
    assert bea.post("3/pin", {"pinned": True}).json() == {"pinned": True}
    assert bea.numbers() == [3, *(n for n in range(first, 0, -1) if n != 3)]
    assert bea.numbers(discussion_status="closed") == [7]
    assert len(bea.numbers(discussion_status="open")) == first - 1
    assert bea.numbers(author="talk-guest") == [first]
    assert bea.numbers(discussion_type="pull_request") == []
    assert len(bea.numbers(discussion_type="discussion", discussion_status="all")) == first
    path = "/api/spaces/talk-b/demo/discussions"
    page = hub.wire.get(f"{path}?p=1").json()
    assert (page["start"], page["count"], len(page["discussions"])) == (50, first, first - 50)
    assert page["numClosedDiscussions"] == 1
    assert hub.wire.get(f"{path}?p=99999999").json()["discussions"] == []
    for wrong in ("type=issue", "status=merged", "p=-1", "p=x"):
        assert hub.wire.get(f"{path}?{wrong}").status == 400


@pytest.mark.req("16.5")
def test_a_comment_is_edited_with_its_history_and_hidden_for_good(hub: Hub) -> None:
    hub.space("talk-c/demo")
    cleo, guest = Talk(hub, "talk-c", "talk-c/demo"), Talk(hub, "talk-guest", "talk-c/demo")
    number = cleo.begin()
    said = guest.comment(number, "first words")
    words: dict[str, Any] = {"discussion_num": number, "comment_id": said.id, **guest.here}
    edited = guest.api.edit_discussion_comment(new_content="other words", **words)
    assert isinstance(edited, DiscussionComment)
    assert (edited.content, edited.edited, edited.number_of_edits) == ("other words", True, 1)
    assert edited.edit_history[0]["raw"] == "first words" and edited.last_edited_by == "talk-guest"
    assert edited.last_edited_at >= said.last_edited_at
    refused(403, lambda: cleo.api.edit_discussion_comment(new_content="mine", **words), "rights")
    other = Talk(hub, "talk-other", "talk-c/demo")
    refused(403, lambda: other.api.hide_discussion_comment(**words), "rights")
    hidden = cleo.api.hide_discussion_comment(**words)
    assert isinstance(hidden, DiscussionComment)
    assert hidden.hidden and "words" not in hidden.content and hidden.edit_history == []
    refused(409, lambda: guest.api.edit_discussion_comment(new_content="again", **words), "final")
    whole = hub.wire.get(f"/api/spaces/talk-c/demo/discussions/{number}").body
    assert b"words" not in whole
    elsewhere = cleo.begin()
    assert guest.post(f"{elsewhere}/comment/{said.id}/edit", {"content": "x"}).status == 404


def test_titles_and_statuses(hub: Hub) -> None:
    hub.space("talk-d/demo")
    dora, guest = Talk(hub, "talk-d", "talk-d/demo"), Talk(hub, "talk-guest", "talk-d/demo")
    other = Talk(hub, "talk-other", "talk-d/demo")
    number = guest.begin("Old")
    here: dict[str, Any] = {"discussion_num": number, **guest.here}
    for who, title in ((guest, "By its author"), (dora, "By the owner")):
        renamed = who.api.rename_discussion(new_title=title, **here)
        assert isinstance(renamed, DiscussionTitleChange)
    assert renamed.new_title == dora.details(number).title and renamed.author == "talk-d"
    refused(403, lambda: other.api.rename_discussion(new_title="Mine", **here), "rights")
    refused(403, lambda: other.api.change_discussion_status(new_status="closed", **here), "rights")
    closed = guest.api.change_discussion_status(new_status="closed", comment=" Done ", **here)
    assert isinstance(closed, DiscussionStatusChange)
    assert (closed.new_status, closed.author) == ("closed", "talk-guest")
    refused(
        409,
        lambda: guest.api.change_discussion_status(new_status="closed", comment="Twice", **here),
        "closed already",
    )
    assert other.comment(number, "Late").content == "Late"
    opened = dora.api.change_discussion_status(new_status="open", **here)
    assert isinstance(opened, DiscussionStatusChange) and opened.new_status == "open"
    found = dora.details(number)
    assert [each.type for each in found.events] == [
        *("comment", "title-change", "title-change", "comment", "status-change", "comment"),
        "status-change",
    ]
    assert found.status == "open" and [
        each.content for each in found.events if each.type == "comment"
    ] == ["The text", "Done", "Late"]


@pytest.mark.req("16.5")
def test_only_writers_pin_and_lock(hub: Hub) -> None:
    hub.space("talk-e/demo")
    edda, guest = Talk(hub, "talk-e", "talk-e/demo"), Talk(hub, "talk-guest", "talk-e/demo")
    number = guest.begin()
    said = guest.comment(number)
    for tail, key in (("pin", "pinned"), ("lock", "locked")):
        assert guest.post(f"{number}/{tail}", {key: True}).status == 403
    assert edda.post(f"{number}/lock", {"locked": True}).json() == {"locked": True}
    words = {"discussion_num": number, "comment_id": said.id, **guest.here}
    refused(403, lambda: guest.comment(number), "locked")
    refused(403, lambda: guest.api.edit_discussion_comment(new_content="x", **words), "locked")
    assert guest.post(f"{number}/status", {"status": "closed", "comment": "x"}).status == 403
    assert edda.details(number).status == "open"
    assert edda.comment(number, "The last word").author == "talk-e"
    assert edda.post(f"{number}/lock", {"locked": False}).json() == {"locked": False}
    assert guest.comment(number).content == "Me too"


@pytest.mark.req("16.5", "197")
def test_switched_off_they_are_closed_and_switched_on_the_old_ones_are_back(hub: Hub) -> None:
    hub.space("talk-f/demo")
    fay, guest = Talk(hub, "talk-f", "talk-f/demo"), Talk(hub, "talk-guest", "talk-f/demo")
    number = guest.begin()
    path = "/api/spaces/talk-f/demo"

    def switch(disabled: object, token: str = fay.token) -> int:
        body = {"discussionsDisabled": disabled}
        return hub.wire.ask("PUT", f"{path}/settings", token=token, json_body=body).status

    assert switch(True, guest.token) == 403
    assert switch("yes") == 422
    assert switch(True) == 200
    assert hub.wire.get(path).json()["discussionsDisabled"] is True
    refused(403, fay.numbers, "disabled")
    refused(403, lambda: fay.details(number), "disabled")
    refused(403, lambda: guest.begin("Another"), "disabled")
    refused(403, lambda: guest.comment(number), "disabled")
    for tail, body in (("title", {"title": "x"}), ("status", {"status": "closed"})):
        assert fay.post(f"{number}/{tail}", body).status == 403
    assert fay.post(f"{number}/pin", {"pinned": True}).status == 403
    assert switch(False) == 200
    assert guest.numbers() == [number] and guest.details(number).title == "Hello"


@pytest.mark.req("API-01")
def test_of_a_private_space_strangers_learn_nothing(hub: Hub) -> None:
    hub.space("talk-g/secret", visibility="private")
    gina, guest = Talk(hub, "talk-g", "talk-g/secret"), Talk(hub, "talk-guest", "talk-g/secret")
    number = gina.begin()
    absent = Talk(hub, "talk-guest", "talk-g/nothing")
    calls = ("{n}/comment", "{n}/title", "{n}/status", "{n}/comment/x/edit", "{n}/pin", "")
    for call in calls:
        tail = call.format(n=number)
        one, two = guest.post(tail, {"title": "x"}), absent.post(tail, {"title": "x"})
        assert (one.status, one.body) == (two.status, two.body) == (404, two.body)
        assert one.headers["X-Error-Code"] == "RepoNotFound"
    for call in (guest.numbers, lambda: guest.details(number), guest.begin):
        with pytest.raises(RepositoryNotFoundError):
            call()
    assert gina.numbers() == [number]


@pytest.mark.req("API-02")
def test_what_tokens_and_roles_allow(hub: Hub) -> None:
    with hub.context.ledger.write() as tx:
        lab = accounts.create_org(tx, "talk-lab")
        helper = accounts.create_user(tx, "talk-helper")
        memberships.set_role(tx, lab, helper, OrgRole.WRITE)
    hub.space("talk-lab/demo")
    guest, helper_talk = (
        Talk(hub, name, "talk-lab/demo") for name in ("talk-guest", "talk-helper")
    )
    number = guest.begin()
    reader = HfApi(endpoint=hub.url, token=hub.token("talk-guest", "read"))
    here: dict[str, Any] = {"discussion_num": number, **guest.here}
    assert reader.get_discussion_details(**here).num == number
    refused(403, lambda: reader.comment_discussion(comment="x", **here), "read token")
    refused(403, lambda: reader.rename_discussion(new_title="x", **here), "read token")
    assert helper_talk.post(f"{number}/lock", {"locked": True}).status == 200
    closed = helper_talk.api.change_discussion_status(new_status="closed", **here)
    assert closed.author == "talk-helper"


def test_what_is_no_discussion_is_refused_in_words(hub: Hub) -> None:
    hub.space("talk-h/demo")
    hugo = Talk(hub, "talk-h", "talk-h/demo")
    for title in (" ", "x" * 201, "a\nb"):
        with pytest.raises(BadRequestError, match="one line of 1 to 200"):
            hugo.begin(title)
    assert hugo.numbers() == []
    number = hugo.begin()
    with pytest.raises(BadRequestError, match="1 to 65536 bytes"):
        hugo.comment(number, "x" * 65537)
    for tail, body, status in (
        ("", {"title": 1}, 422),
        (f"{number}/status", {"status": "merged"}, 422),
        (f"{number}/status", {"status": "draft"}, 422),
        (f"{number}/comment", {}, 422),
        ("0/comment", {"comment": "x"}, 404),
        ("99999999999999999999/comment", {"comment": "x"}, 404),
        ("x/comment", {"comment": "x"}, 404),
        ("%C2%B2/comment", {"comment": "x"}, 404),
    ):
        assert hugo.post(tail, body).status == status, tail
    assert len(hugo.details(number).events) == 1


def test_an_author_whose_account_is_gone_is_called_deleted(hub: Hub) -> None:
    hub.space("talk-i/demo")
    iris, gone = Talk(hub, "talk-i", "talk-i/demo"), Talk(hub, "talk-gone", "talk-i/demo")
    number = gone.begin()
    with hub.context.ledger.write() as tx:
        tx.execute(t.accounts.delete().where(t.accounts.c.name_lower == "talk-gone"))
    assert [each.author for each in iris.api.get_repo_discussions(**iris.here)] == ["deleted"]
    found = iris.details(number)
    assert (found.author, found.events[0].author) == ("deleted", "deleted")
    assert found.events[0].last_edited_by == "deleted"


def test_a_long_discussion_is_answered_without_rendering_all_of_it(
    hub: Hub,
) -> None:
    space = hub.space("talk-j/demo")
    jo = Talk(hub, "talk-j", "talk-j/demo")
    number = jo.begin(text="**bold**")
    text = "**bold**\n" * 7000
    with hub.context.ledger.write() as tx:
        author = ledger.get(tx, space.key, number).author_id
        for _ in range(10):
            discussion_entries.comment(tx, space.key, number, author, text)
    said = jo.details(number).events
    assert [each.content for each in said[1:]] == [text.strip()] * 10
    assert "<strong>" in said[1].rendered and "<strong>" not in said[10].rendered
    assert said[10].rendered.startswith('<pre class="prewrap">**bold**\n**bold**')


def test_nobody_makes_one_grow_without_end(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.space("talk-l/demo")
    lea = Talk(hub, "talk-l", "talk-l/demo")
    numbers = [lea.begin(), lea.api.create_pull_request(title="Pull", **lea.here).num]
    monkeypatch.setattr(discussion_entries, "MOST_ENTRIES", 2)
    for number in numbers:
        here = {"discussion_num": number, **lea.here}
        lea.api.change_discussion_status(new_status="closed", **here)
        for call in (
            lambda here=here: lea.api.change_discussion_status(new_status="open", **here),
            lambda here=here: lea.api.rename_discussion(new_title="Other", **here),
            lambda number=number: lea.comment(number),
        ):
            refused(409, call, "2 entries")
        assert len(lea.details(number).events) == 2


def test_a_profile_tells_how_many_somebody_opened(hub: Hub) -> None:
    hub.space("talk-m/demo")
    hub.space("talk-m/secret", visibility="private")
    for space in ("talk-m/demo", "talk-m/secret"):
        Talk(hub, "talk-m", space).begin()
    assert hub.api("talk-guest").get_user_overview("talk-m").num_discussions == 1


def test_they_follow_a_rename_and_no_copy_has_them(hub: Hub) -> None:
    hub.space("talk-k/demo")
    kim = Talk(hub, "talk-k", "talk-k/demo")
    number = kim.begin()
    kim.api.duplicate_repo("talk-k/demo", "talk-k/copy", repo_type="space")
    assert Talk(hub, "talk-k", "talk-k/copy").numbers() == []
    kim.api.move_repo("talk-k/demo", "talk-k/renamed", repo_type="space")
    found = Talk(hub, "talk-k", "talk-k/renamed").details(number)
    assert found.repo_id == "talk-k/renamed"
    assert kim.details(number).repo_id == "talk-k/renamed"  # led there from the former name


def test_the_hf_command_from_the_first_word_to_the_last(hub: Hub, tmp_path: Path) -> None:
    hub.space("talk-hf/demo")
    hf, talk = Hf(hub, "talk-hf", tmp_path), Talk(hub, "talk-hf", "talk-hf/demo")
    assert "#1" in hf("create", "talk-hf/demo", "--title", "From the shell", "--body", "Hi")
    assert "From the shell" in hf("list", "talk-hf/demo")
    hf("comment", "talk-hf/demo", "1", "--body", "second")
    hf("rename", "talk-hf/demo", "1", "Renamed")
    info = hf("info", "talk-hf/demo", "1", "--format", "json")
    assert "Renamed" in info and "second" in info
    hf("edit", "talk-hf/demo", "1", talk.details(1).events[1].id, "--body", "third")
    hf("close", "talk-hf/demo", "1", "--yes", "--comment", "bye")
    assert "Renamed" not in hf("list", "talk-hf/demo")
    assert "Renamed" in hf("list", "talk-hf/demo", "--status", "closed")
    hf("reopen", "talk-hf/demo", "1", "--yes")
    found = talk.details(1)
    assert found.status == "open" and found.events[1].content == "third"
