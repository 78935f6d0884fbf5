"""Discussions in the ledger: numbers, lists, statuses, what is kept and what is gone for good."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from spaceport.errors import Conflict, Invalid, NotFound, SpaceportError
from spaceport.ledger import Ledger, accounts, discussion_size, discussions, events, spaces
from spaceport.ledger import discussion_entries as entries
from spaceport.ledger import tables as t
from spaceport.ledger.accounts import Account
from spaceport.ledger.columns import now
from spaceport.ledger.discussion_entries import EntryKind
from spaceport.ledger.discussions import Discussion, Filter, Status
from spaceport.ledger.events import EventKind
from spaceport.ledger.spaces import Space, Visibility
from tests.spaceport.conftest import add_space


@pytest.fixture
def bob(ledger: Ledger) -> Account:
    with ledger.write() as tx:
        return accounts.create_user(tx, "Bob")


def begin(
    ledger: Ledger, space: Space, author: Account, title: str = "Hello", *, pull: bool = False
) -> Discussion:
    with ledger.write() as tx:
        base = "refs/heads/main" if pull else None
        return discussions.begin(tx, space.key, author.id, title, "The text", base=base, draft=pull)


def now_of(ledger: Ledger, found: Discussion) -> Discussion:
    with ledger.read() as tx:
        return discussions.get(tx, found.space_key, found.number)


def entries_of(ledger: Ledger, found: Discussion) -> list[entries.Entry]:
    with ledger.read() as tx:
        return entries.of(tx, found.space_key, found.number)


@pytest.mark.req("11.12")
def test_both_kinds_share_one_counter_and_each_space_has_its_own(
    ledger: Ledger, space: Space, ada: Account, bob: Account
) -> None:
    with ledger.write() as tx:
        other = add_space(tx, ada, "other")
    made = [begin(ledger, space, bob), begin(ledger, space, bob, pull=True)]
    made.append(begin(ledger, space, ada))
    assert [each.number for each in made] == [1, 2, 3]
    assert begin(ledger, other, bob).number == 1
    assert [each.status for each in made] == [Status.OPEN, Status.DRAFT, Status.OPEN]
    assert made[1].pull_request and made[1].ref == "refs/pr/2" and made[1].base is not None
    assert (made[0].author, made[0].pull_request, made[0].base) == ("Bob", False, None)
    first = entries_of(ledger, made[0])
    assert [(each.kind, each.author, each.text) for each in first] == [
        (EntryKind.COMMENT, "Bob", "The text")
    ]


def test_many_at_once_get_a_number_each(ledger: Ledger, space: Space, bob: Account) -> None:
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda number: begin(ledger, space, bob, f"n{number}"), range(12)))
    assert sorted(each.number for each in made) == list(range(1, 13))


def test_what_is_not_there_is_said(ledger: Ledger, space: Space, bob: Account) -> None:
    with ledger.read() as tx, pytest.raises(NotFound, match="no discussion or pull request 1"):
        discussions.get(tx, space.key, 1)
    with ledger.write() as tx:
        spaces.mark_deleted(tx, space.key)
    with pytest.raises(NotFound, match="no such Space"):
        begin(ledger, space, bob)


def test_lists_have_pinned_ones_first_and_their_filters(
    ledger: Ledger, space: Space, ada: Account, bob: Account
) -> None:
    old, pull = begin(ledger, space, bob, "old"), begin(ledger, space, ada, "pull", pull=True)
    shut = begin(ledger, space, ada, "shut")
    with ledger.write() as tx:
        discussions.set_pinned(tx, old, True, ada.id)
        discussions.set_status(tx, shut, Status.CLOSED, ada.id)

    def numbers(which: Filter = Filter(), skip: int = 0, limit: int = 50) -> list[int]:
        with ledger.read() as tx:
            found = discussions.listed(tx, space.key, which, skip=skip, limit=limit)
            whole = discussions.listed(tx, space.key, which)
            assert discussions.count(tx, space.key, which) == len(whole)
        return [each.number for each in found]

    assert numbers() == [old.number, shut.number, pull.number]
    assert numbers(skip=1, limit=1) == [shut.number]
    assert numbers(Filter(pull_request=True)) == [pull.number]
    assert numbers(Filter(pull_request=False)) == [old.number, shut.number]
    assert numbers(Filter(statuses=frozenset({Status.CLOSED}))) == [shut.number]
    assert numbers(Filter(author="ADA")) == [shut.number, pull.number]
    assert numbers(Filter(author="nobody")) == []


def test_titles_and_statuses_change_once_and_leave_an_entry(
    ledger: Ledger, space: Space, ada: Account, bob: Account
) -> None:
    made = begin(ledger, space, bob, " Hello ")
    assert made.title == "Hello"
    with ledger.write() as tx:
        assert discussions.set_title(tx, made, "Hello", ada.id) is None
        assert discussions.set_title(tx, made, "Better", ada.id) is not None
        assert discussions.set_status(tx, made, Status.OPEN, ada.id) is None
        assert discussions.set_status(tx, made, Status.CLOSED, ada.id) is not None
        for status in (Status.DRAFT, Status.MERGED):
            with pytest.raises(Conflict, match="it can be open or closed"):
                discussions.set_status(tx, made, status, ada.id)
    found = entries_of(ledger, made)[1:]
    assert [(each.kind, each.author, each.detail) for each in found] == [
        (EntryKind.TITLE, "Ada", {"from": "Hello", "to": "Better"}),
        (EntryKind.STATUS, "Ada", {"status": "closed"}),
    ]
    present = now_of(ledger, made)
    assert (present.title, present.status) == ("Better", Status.CLOSED)
    assert present.updated_at > made.updated_at


def test_merged_is_for_good(ledger: Ledger, space: Space, ada: Account) -> None:
    made = begin(ledger, space, ada, pull=True)
    with ledger.write() as tx:
        discussions.set_status(tx, made, Status.MERGED, ada.id, merge_commit="b" * 40)
    merged = now_of(ledger, made)
    assert (merged.status, merged.merge_commit) == (Status.MERGED, "b" * 40)
    with ledger.write() as tx, pytest.raises(Conflict, match="cannot be undone"):
        discussions.set_status(tx, merged, Status.OPEN, ada.id)


@pytest.mark.parametrize("title", ["", "  ", "x" * 201, "two\nlines", "a\x1b[31mred", "a\u202eb"])
def test_a_title_is_one_visible_line(
    ledger: Ledger, space: Space, bob: Account, title: str
) -> None:
    with pytest.raises(Invalid, match="one line of 1 to 200"):
        begin(ledger, space, bob, title)
    with ledger.read() as tx:
        assert discussions.count(tx, space.key) == 0


@pytest.mark.req("16.5")
def test_an_edited_comment_keeps_what_it_said(ledger: Ledger, space: Space, bob: Account) -> None:
    made = begin(ledger, space, bob)
    for text in ("second\r\nline", "third", "third"):
        with ledger.write() as tx:
            entry = entries.of(tx, space.key, made.number)[0]
            entries.edit(tx, entry, text, "Bob")
    found = entries_of(ledger, made)[0]
    assert (found.text, found.hidden) == ("third", False)
    assert [(each.text, each.author) for each in found.history] == [
        ("The text", "Bob"),
        ("second\nline", "Bob"),
    ]
    assert found.edited_at == found.history[-1].until


@pytest.mark.req("16.5")
def test_hiding_is_final_and_takes_the_history_along(
    ledger: Ledger, space: Space, ada: Account, bob: Account
) -> None:
    made = begin(ledger, space, bob)
    with ledger.write() as tx:
        entries.edit(tx, entries.of(tx, space.key, made.number)[0], "secret-two", "Bob")
        entries.hide(tx, entries.of(tx, space.key, made.number)[0], ada.id)
    found = entries_of(ledger, made)[0]
    assert found.hidden and (found.text, found.history) == ("", ())
    with ledger.read() as tx:
        stored = str(tx.execute(t.discussion_entries.select()).mappings().all())
    assert "The text" not in stored and "secret-two" not in stored
    with ledger.write() as tx, pytest.raises(Conflict, match="final"):
        entries.edit(tx, found, "again", "Bob")


@pytest.mark.parametrize("text", ["", " \n ", "\0", "é" * 32769])
def test_what_is_no_comment(ledger: Ledger, space: Space, bob: Account, text: str) -> None:
    made = begin(ledger, space, bob)
    with ledger.write() as tx, pytest.raises(Invalid, match="1 to 65536 bytes"):
        entries.comment(tx, space.key, made.number, bob.id, text)
    with ledger.write() as tx, pytest.raises(Invalid):
        entries.edit(tx, entries.of(tx, space.key, made.number)[0], text, "Bob")


def test_a_comment_of_another_discussion_is_none_of_this_one(
    ledger: Ledger, space: Space, bob: Account
) -> None:
    one, two = begin(ledger, space, bob), begin(ledger, space, bob)
    with ledger.write() as tx:
        discussions.set_title(tx, one, "Else", bob.id)
    said, renamed = entries_of(ledger, one)
    with ledger.read() as tx:
        assert entries.get(tx, space.key, one.number, said.id) == said
        for number, id in ((two.number, said.id), (one.number, renamed.id), (one.number, "x")):
            with pytest.raises(NotFound, match="no such comment"):
                entries.get(tx, space.key, number, id)
        assert entries.comments(tx, space.key, [1, 2, 3]) == {1: 1, 2: 1}


def test_limits_of_one_account_and_of_one_discussion(
    ledger: Ledger, space: Space, ada: Account, bob: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(discussions, "MOST_OPEN", 2)
    monkeypatch.setattr(discussions, "MOST_OPEN_PULLS", 1)
    monkeypatch.setattr(entries, "MOST_ENTRIES", 3)
    monkeypatch.setattr(entries, "MOST_EDITS", 1)
    first = begin(ledger, space, bob)
    begin(ledger, space, bob)
    begin(ledger, space, bob, pull=True)
    for pull, word in ((False, "2 discussions"), (True, "1 pull requests")):
        with pytest.raises(Conflict, match=f"You have {word} open"):
            begin(ledger, space, bob, pull=pull)
    begin(ledger, space, ada)
    with ledger.write() as tx:
        discussions.set_status(tx, first, Status.CLOSED, bob.id)
    begin(ledger, space, bob)

    def comment(author: Account) -> None:
        with ledger.write() as tx:
            entries.comment(tx, space.key, first.number, author.id, "more")

    comment(ada)
    with pytest.raises(Conflict, match="3 entries"):
        comment(ada)
    with ledger.write() as tx:
        entries.edit(tx, entries.of(tx, space.key, first.number)[0], "two", "Bob")
        with pytest.raises(Conflict, match="edited 1 times"):
            entries.edit(tx, entries.of(tx, space.key, first.number)[0], "three", "Bob")
    monkeypatch.setattr(entries, "MOST_ENTRIES", 100)
    monkeypatch.setattr(entries, "MOST_AN_HOUR", 3)
    comment(ada)
    with pytest.raises(Conflict, match="3 comments within an hour"):
        comment(ada)


def test_an_account_opens_so_many_in_an_hour(
    ledger: Ledger, space: Space, ada: Account, bob: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(discussions, "MOST_AN_HOUR", 2)
    for pull in (False, True):
        made = begin(ledger, space, bob, pull=pull)
        with ledger.write() as tx:
            discussions.set_status(tx, made, Status.CLOSED, bob.id)
    with pytest.raises(Conflict, match="2 discussions within an hour"):
        begin(ledger, space, bob)
    begin(ledger, space, ada)
    with ledger.write() as tx:
        long_ago = now() - timedelta(hours=2)
        tx.execute(t.discussions.update().values(created_at=long_ago))
    begin(ledger, space, bob)


def test_a_full_one_takes_no_further_changes(
    ledger: Ledger, space: Space, bob: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entries, "MOST_ENTRIES", 2)
    made = begin(ledger, space, bob)
    with ledger.write() as tx:
        discussion_size.check_entries(tx, space.key, made.number)
        discussions.set_title(tx, made, "Another", bob.id)
        with pytest.raises(Conflict, match="2 entries"):
            discussion_size.check_entries(tx, space.key, made.number)


def test_what_somebody_opened_counts_where_everybody_sees_it(
    ledger: Ledger, space: Space, ada: Account, bob: Account
) -> None:
    with ledger.write() as tx:
        secret = add_space(tx, ada, "secret", Visibility.PRIVATE)
    begin(ledger, space, bob)
    begin(ledger, secret, bob)
    begin(ledger, space, ada)
    with ledger.write() as tx:
        assert discussions.opened_by(tx, bob.id) == 1
        discussions.set_wanted(tx, space.key, False)
        assert discussions.opened_by(tx, bob.id) == 0


def test_they_end_with_their_space(ledger: Ledger, space: Space, ada: Account) -> None:
    with ledger.write() as tx:
        other = add_space(tx, ada, "other")
    begin(ledger, space, ada)
    kept = begin(ledger, other, ada)
    with ledger.write() as tx:
        tx.execute(t.spaces.delete().where(t.spaces.c.key == space.key))
    with ledger.read() as tx:
        for table in (t.discussions, t.discussion_entries):
            assert set(tx.execute(select(table.c.space_key)).scalars()) == {kept.space_key}


def test_earlier_texts_count_for_what_a_discussion_may_hold(
    ledger: Ledger, space: Space, bob: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(discussion_size, "MOST_BYTES", 2000)
    made = begin(ledger, space, bob)

    def add(text: str) -> None:
        with ledger.write() as tx:
            discussion_size.check_room(tx, space.key, made.number, text)
            entries.edit(tx, entries.of(tx, space.key, made.number)[0], text, "Bob")

    add("a" * 800)
    add("b" * 800)
    with pytest.raises(Conflict, match="as much as one may"):
        add("c" * 800)
    other = begin(ledger, space, bob)
    with ledger.read() as tx:
        discussion_size.check_room(tx, space.key, other.number, "d" * 800)


def test_every_change_is_in_the_log(ledger: Ledger, space: Space, bob: Account) -> None:
    with ledger.read() as tx:
        cursor = events.last_seq(tx)
    made = begin(ledger, space, bob)
    with ledger.write() as tx:
        discussions.set_title(tx, made, "New", bob.id)
        discussions.set_status(tx, made, Status.CLOSED, bob.id)
        discussions.set_pinned(tx, made, True, bob.id)
        discussions.set_pinned(tx, replace(made, pinned=True), True, bob.id)
        discussions.set_locked(tx, made, True, bob.id)
    with ledger.read() as tx:
        told = [each for each in events.after(tx, cursor) if each.space_key == space.key]
    assert {each.kind for each in told} == {EventKind.DISCUSSION_CHANGED}
    changes = [each.detail["change"] for each in told]
    assert changes == ["opened", "title", "status", "pinned", "locked"]
    assert {each.detail["number"] for each in told} == {made.number}


@pytest.mark.req("16.5")
def test_switching_them_off_keeps_them(ledger: Ledger, space: Space, bob: Account) -> None:
    made = begin(ledger, space, bob)
    for wanted in (False, True):
        with ledger.write() as tx:
            discussions.set_wanted(tx, space.key, wanted)
            assert spaces.get(tx, space.key).discussions is wanted
    assert now_of(ledger, made) == made


def test_an_author_who_is_gone_leaves_the_words_and_no_name(
    ledger: Ledger, space: Space, bob: Account
) -> None:
    made = begin(ledger, space, bob)
    with ledger.write() as tx:
        tx.execute(t.accounts.delete().where(t.accounts.c.id == bob.id))
    assert now_of(ledger, made).author == ""
    assert [(each.author, each.text) for each in entries_of(ledger, made)] == [("", "The text")]


def test_every_error_says_what_to_do_or_what_is_allowed(
    ledger: Ledger, space: Space, bob: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(discussions, "MOST_OPEN", 0)
    with pytest.raises(SpaceportError) as refused:
        begin(ledger, space, bob)
    assert refused.value.hint == "Close one of them first."
