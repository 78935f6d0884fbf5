"""The form to copy a Space, and the releases on the page of its settings."""

from __future__ import annotations

import re

import pytest

from spaceport.ledger import accounts, memberships, releases, secrets, spaces, variables
from spaceport.ledger.spaces import Space, Visibility
from spaceport.names import SpaceId
from spaceport.roles import OrgRole
from tests.hub.test_releases import ran
from tests.hub.web.conftest import Site, Visitor

VALUE = "canary-page-4410"


def source(site: Site, id: str) -> Space:
    made = site.made(id)
    with site.context.ledger.write() as tx:
        variables.set_(tx, made.key, "A", "1", description="<i>first</i>")
        variables.set_(tx, made.key, "B", "two\nlines")
        secrets.set_(tx, site.context.keyring, made.key, "C", VALUE, description="a key")
    return made


def copied(site: Site, id: str) -> Space:
    with site.context.ledger.read() as tx:
        found = spaces.by_id(tx, SpaceId.parse(id))
    assert found is not None
    return found


def fields_of(page: str) -> dict[str, str]:
    """What a browser would send of the form as it came."""
    form = page[page.index('<form id="duplicate"') :]
    found = dict(re.findall(r'<input [^>]*name="([^"]+)" value="([^"]*)"', form))
    found |= dict(re.findall(r'<textarea [^>]*name="([^"]+)"[^>]*>\n?([^<]*)</textarea>', form))
    found |= dict.fromkeys(re.findall(r'type="password" name="([^"]+)"', form), "")
    for name, options in re.findall(r'<select [^>]*name="([^"]+)">(.*?)</select>', form):
        chosen = re.search(r'value="([^"]*)" selected', options)
        found[name] = chosen[1] if chosen else re.findall(r'value="([^"]*)"', options)[0]
    checked = re.search(r'name="visibility" value="(\w+)" required checked', form)
    assert checked is not None
    return found | {"visibility": checked[1]}


def test_the_menu_leads_to_a_form_that_is_filled_in(site: Site) -> None:
    source(site, "oma/demo")
    visitor = site.visitor("opa")
    page = visitor.get("/spaces/oma/demo").text
    assert '<a class="item" href="/spaces/oma/demo/duplicate">Duplicate this Space</a>' in page
    linked = visitor.get("/spaces/oma/demo?duplicate=true")
    assert (linked.status, linked.location) == (303, "/spaces/oma/demo/duplicate")
    page = visitor.get("/spaces/oma/demo/duplicate").text
    fields = fields_of(page)
    assert {name: fields[name] for name in ("owner", "name", "visibility", "hardware")} == {
        "owner": "opa",
        "name": "demo",
        "visibility": "private",
        "hardware": "cpu-basic",
    }
    assert (fields["variable.A"], fields["variable.B"]) == ("1", "two\nlines")
    assert fields["secret.C"] == ""
    assert "Secrets are not copied" in page and "a key" in page
    assert "&lt;i&gt;first" in page
    assert VALUE not in page
    reply = visitor.post("/spaces/oma/demo/duplicate", **fields)
    assert (reply.status, reply.location) == (303, "/spaces/opa/demo")
    copy = copied(site, "opa/demo")
    assert (copy.visibility, copy.flavor) == (Visibility.PRIVATE, "cpu-basic")
    with site.context.ledger.read() as tx:
        assert variables.of(tx, copy.key) == {"A": "1", "B": "two\nlines"}
        assert secrets.versions(tx, copy.key) == {}
    shown = visitor.get("/spaces/opa/demo").text
    assert 'Duplicated from <a href="/spaces/oma/demo">' in shown


def test_what_is_changed_in_the_form_counts(site: Site) -> None:
    source(site, "oma/changed")
    visitor = site.visitor("opa")
    with site.context.ledger.write() as tx:
        lab = accounts.create_org(tx, "opa-lab")
        memberships.set_role(tx, lab, accounts.user(tx, "opa"), OrgRole.WRITE)
        others = accounts.create_org(tx, "opa-reads")
        memberships.set_role(tx, others, accounts.user(tx, "opa"), OrgRole.READ)
    page = visitor.get("/spaces/oma/changed/duplicate").text
    assert '<option value="opa-lab"' in page and "opa-reads" not in page
    fields = fields_of(page) | {
        "owner": "opa-lab",
        "name": "mine",
        "visibility": "public",
        "variable.B": "3",
        "secret.C": "my own value",
    }
    assert (
        visitor.post("/spaces/oma/changed/duplicate", **fields).location == "/spaces/opa-lab/mine"
    )
    copy = copied(site, "opa-lab/mine")
    assert copy.visibility is Visibility.PUBLIC
    with site.context.ledger.read() as tx:
        assert variables.of(tx, copy.key) == {"A": "1", "B": "3"}
        assert secrets.reveal(tx, site.context.keyring, copy.key) == {"C": "my own value"}


def test_a_mistake_keeps_what_was_typed_but_no_secret(site: Site) -> None:
    source(site, "oma/mistaken")
    visitor = site.visitor("opa")
    fields = fields_of(visitor.get("/spaces/oma/mistaken/duplicate").text)
    reply = visitor.post(
        "/spaces/oma/mistaken/duplicate",
        **fields | {"name": "a--b", "variable.A": "typed", "secret.C": "typed-secret"},
    )
    assert reply.status == 400
    assert "must not contain" in reply.text
    assert 'value="a--b"' in reply.text and 'value="typed"' in reply.text
    assert "typed-secret" not in reply.text


def test_visitors_sign_in_first_and_copies_can_be_forbidden(site: Site) -> None:
    source(site, "oma/unique")
    path = "/spaces/oma/unique/duplicate"
    reply = site.visitor().get(path)
    assert (reply.status, reply.location) == (303, f"/login?next={path.replace('/', '%2F')}")
    owner, visitor = site.visitor("oma"), site.visitor("opa")
    assert owner.post("/spaces/oma/unique/settings/copies", allowed="0").status == 303
    assert visitor.get(path).status == 403
    assert "Duplicate this Space" not in visitor.get("/spaces/oma/unique").text
    assert "Duplicate this Space" in owner.get("/spaces/oma/unique").text
    assert visitor.post("/spaces/oma/unique/settings/copies", allowed="1").status == 403


@pytest.fixture
def rolled(site: Site) -> tuple[Space, Visitor]:
    """A Space with two releases, and its owner."""
    number = len(list(site.context.repositories.keys()))
    made = site.made(f"uta/app{number}")
    for name in ("one", "two"):
        with site.context.ledger.write() as tx:
            variables.set_(tx, made.key, "MODE", name)
            secrets.set_(tx, site.context.keyring, made.key, "KEY", VALUE + name)
        ran(site.context, made, name)
    return made, site.visitor("uta")


def test_a_button_goes_back(site: Site, rolled: tuple[Space, Visitor]) -> None:
    space, visitor = rolled
    base = f"/spaces/{space.id}/settings"
    page = visitor.get(base).text
    section = page[page.index('id="releases"') :]
    assert section.count(">Roll back</button>") == 1
    assert 'aria-label="Roll back to release 1"' in section
    assert "initial commit" in section and "Present" in section
    assert "KEY</code> secret, version" in section and VALUE not in page
    reply = visitor.post(f"{base}/rollback", release="1")
    assert reply.status == 200  # with a word on the secret, which stays as it is
    assert "present values" in reply.text and "was rolled back" in reply.text
    with site.context.ledger.read() as tx:
        newest = releases.newest(tx, space.key)
        assert newest is not None and newest.rollback_of == 1
        assert variables.of(tx, space.key) == {"MODE": "one"}


@pytest.mark.parametrize(
    ("number", "words"), [("2", "runs already"), ("7", "no release 7"), ("x", "Choose a release")]
)
def test_a_release_that_cannot_be_had_is_told(
    rolled: tuple[Space, Visitor], number: str, words: str
) -> None:
    space, visitor = rolled
    reply = visitor.post(f"/spaces/{space.id}/settings/rollback", release=number)
    assert (reply.status, words in reply.text) == (400, True)


def test_strangers_neither_see_releases_nor_go_back(
    site: Site, rolled: tuple[Space, Visitor]
) -> None:
    space, _ = rolled
    stranger = site.visitor("vera")
    assert stranger.post(f"/spaces/{space.id}/settings/rollback", release="1").status == 403
    with site.context.ledger.read() as tx:
        newest = releases.newest(tx, space.key)
        assert newest is not None and newest.number == 2
