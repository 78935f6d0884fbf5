"""Previews on a Space's pages: the list in its settings, and a preview's own pages."""

from __future__ import annotations

from spaceport.ledger import previews, secrets, spaces
from spaceport.ledger.spaces import Space
from spaceport.stage import Wanted
from tests.hub.web.conftest import Site

REF = "refs/heads/fix/<b>it</b>"
PATH = "previews/fix%2F%3Cb%3Eit%3C%2Fb%3E"


def begun(site: Site, id: str, **more: str) -> Space:
    space = site.made(id, **more)  # type: ignore[arg-type]
    with site.context.ledger.write() as tx:
        previews.begin(tx, space, REF, sleep_seconds=60)
    return space


def present(site: Site, space: Space) -> Space | None:
    with site.context.ledger.read() as tx:
        return previews.find(tx, space.key, REF)


def test_the_list_leads_to_a_page_of_its_own(site: Site) -> None:
    space = begun(site, "pia/shown")
    visitor = site.visitor("pia")
    listed = visitor.get("/spaces/pia/shown/settings").text
    assert f'href="/spaces/pia/shown/{PATH}"' in listed
    assert "<b>it" not in listed
    assert "Goes in 7 days unless it is used" in listed
    for_readers = site.visitor().get("/spaces/pia/shown/previews").text
    assert f'href="/spaces/pia/shown/{PATH}"' in for_readers and "Remove" not in for_readers
    assert 'href="/spaces/pia/shown/previews"' in site.visitor().get("/spaces/pia/shown").text
    page = visitor.get(f"/spaces/pia/shown/{PATH}")
    assert page.status == 200
    assert "Preview of" in page.text and "<b>it" not in page.text
    assert f'data-api="/api/spaces/pia/shown/{PATH}"' in page.text
    assert "Duplicate this Space" not in page.text
    assert visitor.post(f"/spaces/pia/shown/{PATH}/wake").status == 200
    woken = present(site, space)
    assert woken is not None and woken.wanted is Wanted.RUNNING
    assert visitor.get("/spaces/pia/shown/previews/none").status == 404


def test_its_settings_are_its_own(site: Site) -> None:
    space = begun(site, "pia/apart")
    visitor, base = site.visitor("pia"), f"/spaces/pia/apart/{PATH}/settings"
    shown = visitor.get(base).text
    assert 'id="secrets"' in shown
    assert all(f'id="{part}"' not in shown for part in ("visibility", "delete", "name"))
    reply = visitor.post(f"{base}/secrets", key="TOKEN", value="x")
    assert (reply.status, reply.location) == (303, f"{base}#secrets")
    preview = present(site, space)
    assert preview is not None
    with site.context.ledger.read() as tx:
        assert [entry.name for entry in secrets.names(tx, preview.key)] == ["TOKEN"]
        assert secrets.names(tx, space.key) == []
    assert visitor.post(f"{base}/delete", confirm="pia/apart").status in (404, 405)


def test_remove_switch_off_and_ask_for_one(site: Site) -> None:
    space = begun(site, "pia/switch")
    visitor, base = site.visitor("pia"), "/spaces/pia/switch/settings/previews"
    stranger = site.visitor("quinn")
    assert stranger.post(f"{base}/delete", ref=REF).status == 403
    assert visitor.post(f"{base}/delete", ref=REF).location.endswith("settings#previews")
    assert present(site, space) is None
    assert "There is no preview" in visitor.post(f"{base}/delete", ref=REF).text
    assert "no branch" in visitor.post(f"{base}/create", ref="nowhere").text
    assert visitor.post(base, wanted="0").status == 303
    with site.context.ledger.read() as tx:
        assert not spaces.get(tx, space.key).previews
    assert "Turn on" in visitor.get("/spaces/pia/switch/settings").text


def test_of_a_protected_space_only_readers_see_it(site: Site) -> None:
    begun(site, "pia/protected", visibility="protected")
    assert site.visitor("quinn").get("/spaces/pia/protected").status == 200
    for path in (PATH, "previews/none", "previews"):
        assert site.visitor("quinn").get(f"/spaces/pia/protected/{path}").status == 404
    assert site.visitor("pia").get(f"/spaces/pia/protected/{PATH}").status == 200
