"""The pages of a pull request: open, look at files, publish, merge, and what is in the way."""

from __future__ import annotations

import base64
import json
import re
import shlex
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import expect

from gitserver.content import TooLarge
from hub import previews
from hub.pulls_shown import PullsShown
from spaceport.addresses import page_path
from spaceport.ledger import discussion_entries
from spaceport.ledger import discussions as ledger
from spaceport.ledger.discussion_entries import Entry
from spaceport.ledger.discussion_rows import Discussion, Status
from spaceport.push import MAIN
from tests.hub.web.conftest import Site, Visitor
from tests.hub.web.payloads import PAYLOADS
from tests.hub.web.test_discussions import words

FILES = {"app.py": "one\ntwo\nthree\n", "notes.txt": "hello\n"}


class Desk:
    """Pull requests of one Space of `owner`, proposed by a guest."""

    def __init__(self, site: Site, owner: str, folder: Path) -> None:
        self.site = site
        self.space = site.made(f"{owner}/demo", files=FILES, folder=folder)
        self.tab = f"/spaces/{owner}/demo/discussions"
        self.owner, self.guest = site.visitor(owner), site.visitor("desk-guest")
        self.tokens = {name: site.token(name) for name in (owner, "desk-guest")}
        self.name = owner

    def open(self, title: str = "Better") -> str:
        made = self.guest.post(self.tab, title=title, text="Because.", pull="1")
        assert made.status == 303, made.text
        return made.location

    def commit(self, who: str, rev: str, query: str = "", **files: str) -> None:
        lines = [{"key": "header", "value": {"summary": "Change <b>it</b>"}}] + [
            {
                "key": "file",
                "value": {
                    "path": path.replace("__", "."),
                    "content": base64.b64encode(text.encode()).decode(),
                    "encoding": "base64",
                },
            }
            for path, text in files.items()
        ]
        answer = self.site.wire.ask(
            "POST",
            f"/api/spaces/{self.space.id}/commit/{quote(rev, safe='')}{query}",
            token=self.tokens[who],
            body="\n".join(map(json.dumps, lines)).encode(),
        )
        assert answer.status == 200, answer.body

    def propose(self, rev: str = "refs/pr/1", **files: str) -> None:
        self.commit("desk-guest", rev, **files)

    def one(self, number: int = 1) -> Discussion:
        with self.site.context.ledger.read() as tx:
            return ledger.get(tx, self.space.key, number)

    def entries(self) -> list[Entry]:
        with self.site.context.ledger.read() as tx:
            return discussion_entries.of(tx, self.space.key, 1)

    def main(self) -> str:
        return self.site.context.content.refs(self.space.key)[MAIN]


def offered(visitor: Visitor, one: str) -> set[str]:
    """Where the forms of the box lead."""
    text = visitor.get(one).text
    return set(re.findall(rf'action="{one}/(merge|publish|draft|delete-ref|trust)"', text))


@pytest.mark.req("11.12")
def test_from_the_draft_to_the_merge(site: Site, tmp_path: Path) -> None:
    desk = Desk(site, "desk-a", tmp_path)
    form = desk.guest.get(f"{desk.tab}/new?pull=1").text
    assert 'name="pull" value="1"' in form and "hf upload desk-a/demo" in form
    one = desk.open("A better app")
    empty = words(desk.guest.get(one).text)
    assert "A better app #1 Draft desk-guest wants to merge refs/pr/1 into main" in empty
    assert "Nothing to merge yet." in empty
    assert "git fetch origin refs/pr/1:pr/1" in empty and "pr/1:refs/pr/1" in empty
    assert "Nothing changed yet" in desk.guest.get(f"{one}/files").text
    desk.propose(app__py="one\n2 & 3\nthree\n", new__md="# new\n")
    drafted = desk.owner.get(one).text
    assert "No conflicts." in drafted and "once it is published" in drafted
    assert "Change &lt;b&gt;it&lt;/b&gt;" in drafted
    files = desk.owner.get(f"{one}/files").text
    assert "2 files changed" in files and "+2 &amp; 3" in files and "-two" in files
    assert offered(desk.owner, one) == {"publish", "trust"}
    assert offered(desk.guest, one) == {"publish"}
    assert desk.guest.post(f"{one}/publish").status == 303
    assert offered(desk.owner, one) == {"merge", "draft", "trust"}
    assert offered(desk.guest, one) == {"draft"}
    assert offered(site.visitor(), one) == offered(site.visitor("desk-other"), one) == set()
    head = desk.one().head or ""
    assert desk.guest.post(f"{one}/merge", head=head).status == 403
    before = desk.main()
    stale = desk.owner.post(f"{one}/merge", head="a" * 40)
    assert stale.status == 400 and "was changed since you looked at it" in stale.text
    assert desk.main() == before
    assert f'name="head" value="{head}"' in desk.owner.get(one).text
    assert desk.owner.post(f"{one}/merge", head=head).status == 303
    merged = words(site.visitor().get(one).text)
    assert "Merged." in merged and "merged this" in merged and "Merged desk-guest" in merged
    assert desk.one().merge_commit == desk.main() != before
    assert "+2 &amp; 3" in desk.owner.get(f"{one}/files").text
    assert 'value="closed"' not in desk.owner.get(one).text
    assert "Merged" in words(desk.owner.get(f"{desk.tab}?status=closed").text)


@pytest.mark.req("11.12")
def test_conflicts_are_named_and_no_merge_is_offered(site: Site, tmp_path: Path) -> None:
    desk = Desk(site, "desk-b", tmp_path)
    one = desk.open()
    desk.propose(app__py="one\ntheirs\nthree\n", notes__txt="fine\n")
    desk.guest.post(f"{one}/publish")
    desk.commit("desk-b", "main", app__py="one\nours\nthree\n")
    page = desk.owner.get(one).text
    assert '<ul class="conflicts"><li><code>app.py</code></li></ul>' in page
    assert "git merge origin/main" in page
    assert offered(desk.owner, one) == {"draft", "trust"}
    before = desk.main()
    refused = desk.owner.post(f"{one}/merge", head=desk.one().head or "")
    assert refused.status == 400 and "it conflicts in app.py" in refused.text
    assert (desk.main(), desk.one().status) == (before, Status.OPEN)


@pytest.mark.req("11.12")
def test_closed_its_commits_can_be_deleted_for_good(site: Site, tmp_path: Path) -> None:
    desk = Desk(site, "desk-c", tmp_path)
    one = desk.open()
    desk.propose(app__py="x\n")
    assert desk.guest.post(f"{one}/comment", text="Never mind", status="closed").status == 303
    shown = words(desk.guest.get(one).text)
    assert "Its commits are kept" in shown and "Never mind" in shown
    assert offered(desk.guest, one) == {"delete-ref"}
    assert desk.owner.post(f"{one}/comment", status="open", text="").status == 303
    assert desk.one().status is Status.OPEN
    refused = desk.guest.post(f"{one}/delete-ref")
    assert refused.status == 400 and 'role="alert"' in refused.text
    desk.guest.post(f"{one}/comment", status="closed", text="")
    assert desk.guest.post(f"{one}/delete-ref").status == 303
    page = desk.guest.get(one).text
    assert "were deleted" in page and 'name="status"' not in page
    refused = desk.guest.post(f"{one}/comment", status="open", text="please")
    assert refused.status == 400 and "deleted, which is final" in refused.text
    assert ">please</textarea>" in refused.text
    assert desk.guest.get(f"{one}/files").status == 200


def test_a_draft_again_and_what_is_refused_is_told(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk(site, "desk-d", tmp_path)
    one = desk.open()
    desk.propose(app__py="x\n")
    for path in ("publish", "draft", "delete-ref"):
        assert site.visitor("desk-other").post(f"{one}/{path}").status == 403
        assert site.visitor().post(f"{one}/{path}").status == 401
    assert desk.guest.post(f"{one}/publish").status == 303
    assert desk.guest.post(f"{one}/draft").status == 303
    assert desk.one().status is Status.DRAFT
    with monkeypatch.context() as patch:
        patch.setattr(discussion_entries, "MOST_ENTRIES", len(desk.entries()))
        for path, said in (("publish", "as many as one may"), ("draft", "is draft already")):
            again = desk.guest.post(f"{one}/{path}")
            assert again.status == 400 and said in again.text
        assert desk.one().status is Status.DRAFT
    refused = desk.owner.post(f"{one}/merge", head=desk.one().head or "")
    assert refused.status == 400 and "is a draft" in refused.text
    talk = desk.guest.post(desk.tab, title="Only words", text="").location
    assert desk.guest.get(f"{talk}/files").status == 404
    assert desk.owner.post(f"{talk}/merge", head="a" * 40).status == 400
    desk.owner.post(f"/spaces/{desk.space.id}/settings/community", wanted="0")
    for path in ("", "/files"):
        assert desk.owner.get(one + path).status == 403
    assert desk.guest.post(f"{one}/publish").status == 403
    assert desk.guest.post(desk.tab, title="x", pull="1").status == 403


def test_a_writer_lets_the_head_that_the_page_shows_run(site: Site, tmp_path: Path) -> None:
    desk = Desk(site, "desk-e", tmp_path)
    one = desk.open()
    desk.propose(app__py="x\n")
    first = desk.one().head or ""
    assert f"Nobody who may write to this Space has vouched for <code>{first[:7]}</code>" in (
        desk.owner.get(one).text
    )
    assert desk.guest.post(f"{one}/trust", head=first).status == 403
    desk.propose(notes__txt="y\n")
    stale = desk.owner.post(f"{one}/trust", head=first)
    assert stale.status == 400 and not desk.one().trusted
    assert desk.owner.post(f"{one}/trust", head=desk.one().head or "").status == 303
    assert desk.one().trusted and offered(desk.owner, one) == {"publish"}
    with site.context.ledger.write() as tx:
        preview = previews.begin(tx, site.context, desk.space.key, "refs/pr/1", None)
    shown = site.visitor().get(one).text
    assert f'href="{page_path(preview)}"' in shown and "Sleeping" in shown
    desk.propose(notes__txt="z\n")
    assert offered(desk.owner, one) == {"publish", "trust"}
    desk.owner.post(f"/spaces/{desk.space.id}/settings/previews", wanted="0")
    assert offered(desk.owner, one) == {"publish"}


def test_too_many_changes_and_a_base_that_is_gone_are_said(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk(site, "desk-f", tmp_path)
    one = desk.open()
    desk.propose(app__py="x\n")

    def huge(self: PullsShown, found: Discussion) -> None:
        raise TooLarge("More than 3000 files differ.")

    monkeypatch.setattr(PullsShown, "difference", huge)
    page = desk.owner.get(f"{one}/files")
    assert page.status == 200 and "git diff origin/main...refs/pr/1" in page.text
    with site.context.ledger.write() as tx:
        row = ledger.rows
        tx.execute(
            row.update().where(row.c.space_key == desk.space.key).values(base="refs/heads/x")
        )
    assert "is gone" in words(desk.owner.get(one).text)


HOSTILE = "<img/src=x/onerror=window.owned=1>"


@pytest.mark.browser
@pytest.mark.req("WEB-02")
@pytest.mark.req("WEB-03")
def test_a_browser_runs_nothing_whatever_titles_texts_and_branches_hold(
    site: Site, tmp_path: Path
) -> None:
    desk = Desk(site, "desk-evil", tmp_path)
    branch = f"{HOSTILE}';id;'"
    made = site.wire.ask(
        "POST",
        f"/api/spaces/{desk.space.id}/branch/{quote(branch, safe='')}",
        token=desk.tokens["desk-evil"],
        json_body={},
    )
    assert made.status == 200, made.body
    title = "\"><script>window.owned=1</script>'<svg onload=window.owned=1>"
    desk.commit("desk-guest", branch, "?create_pr=1", **{f"{HOSTILE}__py": f"{HOSTILE}\n"})
    desk.commit("desk-evil", branch, **{f"{HOSTILE}__py": "other\n"})
    assert desk.guest.post(f"{desk.tab}/1/title", title=title).status == 303
    text = "\n\n".join(PAYLOADS)
    for start in range(0, len(text), 60_000):
        assert (
            desk.guest.post(f"{desk.tab}/1/comment", text=text[start : start + 60_000]).status
            == 303
        )
    other = desk.guest.post(desk.tab, title=title[::-1], text="\n".join(PAYLOADS[-31:])).location
    asked: list[str] = []
    with site.browser("desk-evil") as page:
        page.on("request", lambda request: asked.append(request.url))
        page.on("dialog", lambda dialog: asked.append("dialog"))
        for path in (desk.tab, f"{desk.tab}/1", f"{desk.tab}/1/files", f"{desk.tab}/1?rename=1",
                     f"{desk.tab}?author={quote(title)}&type={quote(title)}", other,
                     f"{desk.tab}/1?edit={quote(title)}&hide={quote(title)}"):  # fmt: skip
            answer = page.goto(site.url + path)
            assert answer is not None and answer.status == 200, path
            assert page.evaluate("typeof window.owned") == "undefined", path
        page.goto(f"{site.url}{desk.tab}/1")
        expect(page.locator("h2.title")).to_contain_text(title)
        expect(page.locator(".conflicts")).to_contain_text(HOSTILE)
        commands = page.locator("#pull .copy pre").text_content() or ""
    assert [url for url in asked if not url.startswith((f"{site.url}/", "data:"))] == []
    line = next(each for each in commands.splitlines() if each.startswith("git merge"))
    assert shlex.split(line) == ["git", "merge", f"origin/{branch}"]


@pytest.mark.browser
def test_a_person_opens_comments_and_closes_with_the_mouse(site: Site, tmp_path: Path) -> None:
    desk = Desk(site, "desk-walk", tmp_path)
    with site.browser("desk-guest") as page:
        page.goto(f"{site.url}/spaces/desk-walk/demo")
        page.get_by_role("link", name="Community", exact=True).click()
        page.get_by_role("link", name="New discussion").click()
        page.get_by_label("Title").fill("By hand")
        page.get_by_label("Text").fill("Some *words*")
        page.get_by_role("button", name="Open it").click()
        expect(page.locator(".said em")).to_have_text("words")
        page.get_by_role("link", name="Edit", exact=True).click()
        page.get_by_label("Text of the comment").fill("Other words")
        page.get_by_role("button", name="Save").click()
        expect(page.locator(".said .prose")).to_have_text("Other words")
        page.get_by_text("Edited").click()
        expect(page.locator(".history pre")).to_have_text("Some *words*")
        page.get_by_label("Comment", exact=True).fill("Solved")
        page.get_by_role("button", name="Close", exact=True).click()
        expect(page.locator(".talk-head .badge")).to_have_text("Closed")
        expect(page.locator(".said")).to_have_count(2)
        page.get_by_role("button", name="Open again").click()
        expect(page.locator(".talk-head .badge")).to_have_text("Open")
        page.get_by_role("link", name="Community 1 open").click()
        expect(page.locator(".talk-title")).to_have_text("By hand")
    assert desk.one().status is Status.OPEN
