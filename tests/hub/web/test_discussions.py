"""The community tab: lists, talking, editing, hiding, closing, and who is offered what."""

from __future__ import annotations

import re
from html import unescape

import pytest

from hub import discussions
from spaceport.actor import Actor, Means
from spaceport.ledger import accounts
from spaceport.ledger import discussion_entries as entries
from spaceport.ledger import discussions as ledger
from spaceport.ledger.discussion_entries import Entry
from spaceport.ledger.discussion_rows import Discussion, Status
from spaceport.ledger.spaces import Space
from tests.hub.web.conftest import Site, Visitor


class Board:
    """The tab of one Space of `owner`, seen by its owner, a guest, another one, and nobody."""

    def __init__(self, site: Site, owner: str, visibility: str = "public") -> None:
        self.site = site
        self.space: Space = site.made(f"{owner}/demo", visibility=visibility)
        self.base = f"/spaces/{owner}/demo"
        self.tab = f"{self.base}/discussions"
        self.owner, self.guest, self.other = (
            site.visitor(name) for name in (owner, "board-guest", "board-other")
        )
        self.nobody = site.visitor()

    def begin(self, visitor: Visitor, title: str = "Hello", text: str = "The text") -> str:
        """The address of the new one."""
        made = visitor.post(self.tab, title=title, text=text)
        assert made.status == 303, made.text
        assert re.fullmatch(rf"{self.tab}/\d+", made.location)
        return made.location

    def entries(self, number: int = 1) -> list[Entry]:
        with self.site.context.ledger.read() as tx:
            return entries.of(tx, self.space.key, number)

    def one(self, number: int = 1) -> Discussion:
        with self.site.context.ledger.read() as tx:
            return ledger.get(tx, self.space.key, number)


def words(html: str) -> str:
    """What a person reads of a page's main part."""
    main = html[html.index("<main") :]
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", main)).split())


@pytest.mark.req("16.5")
def test_open_one_talk_and_close_it_without_any_script(site: Site) -> None:
    board = Board(site, "board-a")
    assert "Nobody has said anything yet" in board.nobody.get(board.tab).text
    one = board.begin(board.guest, "Why & how?", "It is **bold**\nnow")
    page = board.nobody.get(one)
    assert page.status == 200 and "<strong>bold</strong><br>" in page.text
    assert "Why & how? #1 Open board-guest opened this" in words(page.text)
    said = board.owner.post(f"{one}/comment", text="Because.")
    second = board.entries()[1]
    assert (said.status, said.location) == (303, f"{one}#c-{second.id}")
    assert board.guest.post(f"{one}/title", title="Why?").status == 303
    assert board.guest.post(f"{one}/comment", text="Thanks", status="closed").status == 303
    shown = words(board.nobody.get(one).text)
    for part in (
        "Why? #1 Closed",
        "Because.",
        "renamed this from Why & how? to Why?",
        "closed this",
    ):
        assert part in shown
    assert shown.index("Thanks") < shown.index("closed this")
    assert board.owner.post(f"{one}/comment", status="open", text="").status == 303
    assert board.one().status is Status.OPEN
    assert [each.text for each in board.entries() if each.text] == [
        "It is **bold**\nnow",
        "Because.",
        "Thanks",
    ]


@pytest.mark.req("16.5")
def test_lists_have_filters_pages_and_the_count_in_the_tab(site: Site) -> None:
    board = Board(site, "board-b")
    author = site.user("board-b")
    with site.context.ledger.write() as tx:
        for number in range(1, 31):
            made = ledger.begin(tx, board.space.key, author.id, f"Number {number}.")
            if number == 2:
                ledger.set_status(tx, made, Status.CLOSED, author.id)
    board.begin(board.guest, "Of the guest")
    assert board.owner.post(f"{board.tab}/1/pin", wanted="1").status == 303

    def titles(query: str = "") -> list[str]:
        found = re.findall(
            r'class="talk-title"[^>]*>([^<]+)<', board.nobody.get(board.tab + query).text
        )
        return [unescape(each) for each in found]

    first = titles()
    assert first[:3] == ["Number 1.", "Of the guest", "Number 30."] and len(first) == 25
    assert titles("?page=1") == [f"Number {number}." for number in (7, 6, 5, 4, 3)]
    assert titles("?status=closed") == ["Number 2."]
    assert titles("?author=Board-Guest") == ["Of the guest"]
    assert titles("?type=pull_request") == []
    assert titles("?type=nonsense&status=nonsense&page=-1") == first
    text = board.nobody.get(board.tab).text
    assert "30 open" in text and "1 closed" in text and 'rel="next" href="?page=1"' in text
    home = board.nobody.get(board.base).text
    assert re.search(r'Community <span class="count">30<', home)
    assert 'rel="next"' not in board.nobody.get(f"{board.tab}?page=1").text


@pytest.mark.req("16.5")
def test_a_comment_is_edited_with_its_history_and_hidden_for_good(site: Site) -> None:
    board = Board(site, "board-c")
    one = board.begin(board.guest, text="first words")
    (said,) = board.entries()
    form = board.guest.get(f"{one}?edit={said.id}").text
    assert f'action="{one}/comment/{said.id}/edit"' in form and ">first words</textarea>" in form
    assert (
        board.guest.post(f"{one}/comment/{said.id}/edit", text="other <i>words</i>").status == 303
    )
    shown = board.nobody.get(one).text
    assert "Edited" in shown and "first words" in shown and "other <i>words</i>" in shown
    for visitor in (board.owner, board.other):
        assert f"edit={said.id}" not in visitor.get(one).text
        assert (
            "</textarea>" not in visitor.get(f"{one}?edit={said.id}").text.split('id="comment"')[0]
        )
        refused = visitor.post(f"{one}/comment/{said.id}/edit", text="mine")
        assert refused.status == 403
    assert board.other.post(f"{one}/comment/{said.id}/hide").status == 403
    assert "for good" in board.owner.get(f"{one}?hide={said.id}").text
    assert board.owner.post(f"{one}/comment/{said.id}/hide").status == 303
    page = board.guest.get(one).text
    assert "This comment has been hidden." in page and "words" not in page
    again = board.guest.post(f"{one}/comment/{said.id}/edit", text="again")
    assert again.status == 400 and "hidden, which is final" in again.text
    assert board.guest.post(f"{one}/comment/{'0' * 24}/hide").status == 400


@pytest.mark.req("API-02")
def test_everybody_is_offered_what_they_may_do_and_nothing_else(site: Site) -> None:
    board = Board(site, "board-d")
    one = board.begin(board.guest)
    offers = ("/comment", "/title", "rename=1", "/pin", "/lock", 'value="closed"')
    wanted = {
        "owner": {"/comment", "rename=1", "/pin", "/lock", 'value="closed"'},
        "guest": {"/comment", "rename=1", 'value="closed"'},
        "other": {"/comment"},
        "nobody": set[str](),
    }
    for who, may in wanted.items():
        text = getattr(board, who).get(one).text
        main = text[text.index("<main") :]
        forms = re.sub(r"/comment/[0-9a-f]+", "", main)
        assert {each for each in offers if each in forms} == may, who
    assert f"/login?next={board.tab.replace('/', '%2F')}" in board.nobody.get(one).text
    for tail, fields in (
        ("title", {"title": "x"}),
        ("comment", {"text": "x", "status": "closed"}),
        ("pin", {"wanted": "1"}),
        ("lock", {"wanted": "1"}),
    ):
        assert board.other.post(f"{one}/{tail}", **fields).status == 403
        assert board.nobody.post(f"{one}/{tail}", **fields).status == 401
    assert board.nobody.get(f"{board.tab}/new").location.startswith("/login?next=")
    found = board.one()
    assert (found.title, found.status, found.pinned, found.locked) == (
        "Hello",
        Status.OPEN,
        False,
        False,
    )
    assert len(board.entries()) == 1


@pytest.mark.req("16.5")
def test_in_a_locked_one_only_writers_are_asked_to_comment(site: Site) -> None:
    board = Board(site, "board-e")
    one = board.begin(board.guest)
    assert board.owner.post(f"{one}/lock", wanted="1").status == 303
    for visitor in (board.guest, board.other):
        page = visitor.get(one).text
        assert 'id="comment"' not in page and "This is locked" in page
        assert visitor.post(f"{one}/comment", text="x").status == 403
    assert board.owner.post(f"{one}/comment", text="The last word").status == 303
    assert board.owner.post(f"{one}/lock", wanted="0").status == 303
    assert board.other.post(f"{one}/comment", text="Free again").status == 303


def test_what_is_wrong_is_told_beside_the_form_that_keeps_the_words(site: Site) -> None:
    board = Board(site, "board-f")
    refused = board.guest.post(board.tab, title="a\nb", text="many words")
    assert refused.status == 400 and "one line of 1 to 200 characters" in refused.text
    assert ">many words</textarea>" in refused.text
    one = board.begin(board.guest)
    for text in ("", "x" * 65537):
        refused = board.guest.post(f"{one}/comment", text=text)
        assert refused.status == 400 and "1 to 65536 bytes" in refused.text
        assert f">{text}</textarea>" in refused.text
    assert board.guest.post(f"{one}/comment", text="x", status="merged").status == 400
    refused = board.guest.post(f"{one}/title", title="Hello")
    assert refused.status == 400 and "called that already" in refused.text
    for path in ("999", "0", "x", "99999999999", "1/files", "%C2%B9"):
        assert board.guest.get(f"{board.tab}/{path}").status == 404, path
    assert len(board.entries()) == 1


@pytest.mark.req("16.5", "197")
def test_switched_off_the_tab_is_gone_and_switched_on_all_is_back(site: Site) -> None:
    board = Board(site, "board-g")
    one = board.begin(board.guest)
    switch = f"{board.base}/settings/community"
    assert board.guest.post(switch, wanted="0").status == 403
    assert "Turn off" in board.owner.get(f"{board.base}/settings").text
    assert board.owner.post(switch, wanted="0").location.endswith("/settings#community")
    for visitor in (board.owner, board.guest, board.nobody):
        assert ">Community" not in visitor.get(board.base).text
        for path in (board.tab, one):
            closed = visitor.get(path)
            assert closed.status == 403 and "Discussions are disabled" in closed.text
    assert board.guest.get(f"{board.tab}/new").status == 403
    assert board.guest.post(board.tab, title="x").status == 403
    assert board.guest.post(f"{one}/comment", text="x").status == 403
    assert board.owner.post(switch, wanted="1").status == 303
    assert "The text" in board.nobody.get(one).text
    assert ">Community" in board.nobody.get(board.base).text


@pytest.mark.req("API-01")
def test_of_a_private_space_strangers_see_what_they_see_of_none(site: Site) -> None:
    board = Board(site, "board-h", visibility="private")
    one = board.begin(board.owner)
    absent = one.replace("/demo/", "/absent/")
    for visitor in (board.guest, board.nobody):
        for tail in ("", "/files", "/new"):
            hidden, nothing = visitor.get(f"{one}{tail}"), visitor.get(f"{absent}{tail}")
            assert hidden.status == nothing.status == 404
            texts = [
                re.sub(r"(absent|demo)|nonce-\S+", "", each.text) for each in (hidden, nothing)
            ]
            assert strip(texts[0]) == strip(texts[1])
        assert visitor.post(f"{one}/comment", text="x").status == 404
    assert board.owner.get(one).status == 200


def strip(html: str) -> str:
    """Without what every answer has anew."""
    return re.sub(r'(nonce|value|href)="[^"]*"', "", html)


def test_a_long_one_comes_in_pages(site: Site) -> None:
    board = Board(site, "board-i")
    one = board.begin(board.guest)
    guest = site.user("board-guest")
    with site.context.ledger.write() as tx:
        for number in range(2, 104):
            entries.add(
                tx, board.space.key, 1, entries.EntryKind.COMMENT, guest.id, text=f"said {number}"
            )
    first, last = board.nobody.get(one).text, board.nobody.get(f"{one}?page=2").text
    assert "said 100" in first and "said 101" not in first and 'rel="next"' in first
    assert "said 101" in last and "said 103" in last and "said 100" not in last
    assert 'rel="next"' not in last and board.nobody.get(f"{one}?page=77").text.count("said 103")
    done = board.owner.post(f"{one}/comment", text="the end")
    assert done.location == f"{one}?page=2#c-{board.entries()[-1].id}"


def test_who_is_gone_is_a_deleted_account(site: Site) -> None:
    board = Board(site, "board-j")
    with site.context.ledger.write() as tx:
        gone = accounts.create_user(tx, "board-gone")
        actor = Actor(Means.SESSION, gone)
        discussions.begin(tx, actor, board.space, "Left behind", "words")
        tx.execute(ledger.accounts.delete().where(ledger.accounts.c.id == gone.id))
    assert "a deleted account opened this" in words(board.nobody.get(f"{board.tab}/1").text)
    assert "by a deleted account" in words(board.nobody.get(board.tab).text)
