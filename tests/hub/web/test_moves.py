"""The form that renames a Space, and pages below its former name."""

from __future__ import annotations

from spaceport.ledger import accounts, former_ids, memberships, secrets
from spaceport.roles import OrgRole
from tests.hub.web.conftest import Site


def test_the_form_renames_and_the_old_page_leads_to_the_new_one(site: Site) -> None:
    site.made("tom/first")
    visitor = site.visitor("tom")
    assert 'id="name"' in visitor.get("/spaces/tom/first/settings").text
    reply = visitor.post("/spaces/tom/first/settings/name", owner="tom", name="second")
    assert (reply.status, reply.location) == (303, "/spaces/tom/second/settings#name")
    stranger = site.visitor()
    for path in ("", "/tree/main", "/blob/main/README.md?x=1"):
        led = stranger.get(f"/spaces/tom/first{path}")
        assert (led.status, led.location) == (307, f"/spaces/tom/second{path}")
    page = visitor.get("/spaces/tom/second/settings").text
    assert "tom/first" in page and "Free it" in page
    freed = visitor.post("/spaces/tom/second/settings/name/free", id="tom/first")
    assert freed.status == 303
    assert stranger.get("/spaces/tom/first").status == 404


def test_a_name_that_is_taken_is_told_beside_the_form(site: Site) -> None:
    site.made("tom/third")
    site.made("tom/fourth")
    reply = site.visitor("tom").post("/spaces/tom/third/settings/name", owner="tom", name="fourth")
    assert reply.status == 400 and "already exists" in reply.text
    check = site.visitor("tom").get("/new-space/check?owner=tom&name=fourth").text
    assert "already" in check


def test_secrets_follow_when_the_box_is_ticked(site: Site) -> None:
    made = site.made("tom/fifth")
    visitor = site.visitor("tom")
    with site.context.ledger.write() as tx:
        lab = accounts.create_org(tx, "tom-lab")
        memberships.set_role(tx, lab, accounts.user(tx, "tom"), OrgRole.WRITE)
        secrets.set_(tx, site.context.keyring, made.key, "KEY", "value")
    page = visitor.get("/spaces/tom/fifth/settings").text
    assert "<option>tom-lab</option>" in page and 'name="keep_secrets"' in page
    moved = {"owner": "tom-lab", "name": "fifth", "keep_secrets": "1"}
    assert visitor.post("/spaces/tom/fifth/settings/name", **moved).status == 303
    with site.context.ledger.read() as tx:
        assert [one.name for one in secrets.names(tx, made.key)] == ["KEY"]
        assert [str(one) for one in former_ids.of_space(tx, made.key)] == ["tom/fifth"]
