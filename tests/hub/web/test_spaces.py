"""Lists, creation, and a Space's page and settings: what each visitor sees and may do."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from spaceport.ledger import secrets, spaces, variables
from spaceport.ledger.spaces import Visibility
from spaceport.names import SpaceId
from spaceport.sdk import Sdk
from spaceport.stage import Wanted
from tests.hub.web.conftest import Site

FORM = {"owner": "bea", "name": "first", "sdk": "gradio", "visibility": "public"}


def test_the_form_creates_a_space_and_leads_to_its_page(site: Site) -> None:
    visitor = site.visitor("bea")
    reply = visitor.post("/new-space", **FORM, license="mit", short_description="Says: hi")
    assert (reply.status, reply.location) == (303, "/spaces/bea/first")
    page = visitor.get(reply.location)
    assert page.status == 200
    assert f"git clone {site.url}/spaces/bea/first" in page.text
    assert "import gradio" in page.text
    with site.context.ledger.read() as tx:
        space = spaces.by_id(tx, SpaceId("bea", "first"))
    assert space is not None
    assert space.card is not None
    assert (space.card["license"], space.card["short_description"]) == ("mit", "Says: hi")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"name": "a--b"}, "must not contain"),
        ({"name": ""}, "1 to 96 characters"),
        ({"name": "<script>alert(1)</script>"}, "made of letters"),
        ({"sdk": "flask"}, "Choose an SDK"),
        ({"owner": "somebody-else"}, "rights"),
        ({"short_description": "x" * 61}, "60 characters"),
        ({"license": "mine"}, "license must be one of"),
        ({"name": "taken"}, "already exists"),
    ],
)
def test_a_mistake_in_the_form_is_told_and_keeps_what_was_typed(
    site: Site, fields: dict[str, str], words: str
) -> None:
    if fields.get("name") == "taken":
        site.made("bea/taken")
    reply = site.visitor("bea").post("/new-space", **{**FORM, "name": "kept-name", **fields})
    assert reply.status == 400
    assert words in reply.text
    assert "<script>alert" not in reply.text
    if "name" not in fields:
        assert 'value="kept-name"' in reply.text


def test_the_live_check_of_the_name(site: Site) -> None:
    site.made("cleo/there", visibility="private")
    mine, other = site.visitor("cleo"), site.visitor("dora")

    def check(visitor, owner: str, name: str):  # type: ignore[no-untyped-def]
        return json.loads(visitor.get(f"/new-space/check?owner={owner}&name={name}").text)

    assert check(mine, "cleo", "free") == {
        "free": True, "message": f"The app will be at http://cleo-free.localhost:{site.port}",
    }  # fmt: skip
    assert not check(mine, "cleo", "There")["free"]
    assert "--" in check(mine, "cleo", "a--b")["message"]
    assert check(other, "cleo", "there") == check(other, "cleo", "nothing-there")
    assert site.visitor().get("/new-space/check?owner=cleo&name=x").status in (303, 401)


def test_visitors_are_sent_to_sign_in_and_come_back(site: Site) -> None:
    reply = site.visitor().get("/new-space?sdk=docker")
    assert (reply.status, reply.location) == (303, "/login?next=%2Fnew-space%3Fsdk%3Ddocker")
    assert (
        'value="docker" required checked' in site.visitor("bea").get("/new-space?sdk=docker").text
    )


@pytest.mark.req("13.5.1")
@pytest.mark.req("API-01")
def test_a_private_space_looks_like_none_at_all(site: Site) -> None:
    site.made("emma/secret", visibility="private")
    for visitor in (site.visitor(), site.visitor("fritz")):
        for path in ("", "/tree/main", "/blob/main/README.md", "/raw/main/README.md", "/settings",
                     "/status", "/commits/main"):  # fmt: skip
            hidden = visitor.get(f"/spaces/emma/secret{path}")
            absent = visitor.get(f"/spaces/emma/absent{path}")
            strip = re.compile(r'nonce="[^"]*"')
            assert hidden.status == absent.status == 404
            same = strip.sub("", absent.text).replace("absent", "secret")
            assert strip.sub("", hidden.text) == same
        assert "emma/secret" not in visitor.get("/spaces").text
        assert "emma/secret" not in visitor.get("/emma").text
    own = site.visitor("emma")
    assert own.get("/spaces/emma/secret").status == 200
    assert "emma/secret" in own.get("/spaces").text
    assert '"sign": "ey' in own.get("/spaces/emma/secret").text


@pytest.mark.req("13.5.7")
def test_a_protected_space_shows_its_app_and_not_its_files(site: Site) -> None:
    site.made("gina/half", visibility="protected")
    visitor = site.visitor("hugo")
    page = visitor.get("/spaces/gina/half")
    assert page.status == 200
    assert "/tree/main" not in page.text
    assert "git clone" not in page.text
    assert visitor.get("/spaces/gina/half/tree/main").status == 404


@pytest.mark.req("16.7")
def test_the_list_is_searched_and_filtered(site: Site, tmp_path: Path) -> None:
    readme = "---\nsdk: docker\ntitle: Whale song\npinned: true\n---\n"
    site.made("ines/one", files={"README.md": readme}, folder=tmp_path)
    site.made("ines/two")
    visitor = site.visitor()
    assert "ines/one" in visitor.get("/spaces?search=WHALE").text
    assert "ines/two" not in visitor.get("/spaces?search=WHALE").text
    assert "ines/two" not in visitor.get("/spaces?search=ines&sdk=docker").text
    assert "Nothing found" in visitor.get("/spaces?search=%3Cno-such%3E").text
    profile = visitor.get("/ines").text
    assert profile.index("ines/one") < profile.index("ines/two")  # pinned first
    assert visitor.get("/ines?page=7").status == 200
    assert visitor.get("/spaces?page=-1&sdk=x").status == 200


@pytest.mark.req("5.7")
def test_variables_are_shown_and_secrets_never(site: Site) -> None:
    space = site.made("jana/set")
    base, visitor = "/spaces/jana/set/settings", site.visitor("jana")
    assert visitor.post(f"{base}/variables", key="MODE", value="<fast>").status == 303
    assert visitor.post(f"{base}/secrets", key="KEY", value="s3cr3t-value").status == 303
    page = visitor.get(base).text
    assert "&lt;fast&gt;" in page
    assert "KEY" in page
    assert "s3cr3t-value" not in page
    clash = visitor.post(f"{base}/secrets", key="MODE", value="x")
    assert clash.status == 400
    assert "already a variable" in clash.text
    assert "cannot be the name" in visitor.post(f"{base}/variables", key="1x", value="y").text
    visitor.post(f"{base}/variables/delete", key="MODE")
    visitor.post(f"{base}/secrets/delete", key="KEY")
    with site.context.ledger.read() as tx:
        assert variables.of(tx, space.key) == {}
        assert secrets.names(tx, space.key) == []


@pytest.mark.req("8.3.9")
def test_pause_and_restart_and_not_for_static(site: Site) -> None:
    space = site.made("kira/app")
    base, visitor = "/spaces/kira/app", site.visitor("kira")
    visitor.post(f"{base}/settings/pause")
    assert "Restart this Space" in visitor.get(base).text
    visitor.post(f"{base}/settings/restart", factory="1")
    with site.context.ledger.read() as tx:
        after = spaces.get(tx, space.key)
    assert (after.wanted, after.restart_generation, after.factory_generation) == (
        Wanted.RUNNING, 1, 1,
    )  # fmt: skip
    site.made("kira/page", Sdk.STATIC)
    reply = visitor.post("/spaces/kira/page/settings/pause")
    assert reply.status == 400
    assert "static" in reply.text


def test_strangers_change_nothing(site: Site) -> None:
    space = site.made("lena/mine")
    stranger = site.visitor("mara")
    for path in ("pause", "restart", "delete", "visibility", "variables", "secrets"):
        fields = {"confirm": "lena/mine", "visibility": "private", "key": "A", "value": "b"}
        assert stranger.post(f"/spaces/lena/mine/settings/{path}", **fields).status == 403
    assert stranger.get("/spaces/lena/mine/settings").status == 403
    with site.context.ledger.read() as tx:
        assert spaces.get(tx, space.key).settings_version == space.settings_version


def test_visibility_and_deletion_by_typing_the_name(site: Site) -> None:
    space = site.made("nele/gone")
    base, visitor = "/spaces/nele/gone/settings", site.visitor("nele")
    assert visitor.post(f"{base}/visibility", visibility="private").status == 303
    assert visitor.post(f"{base}/visibility", visibility="x").status == 400
    with site.context.ledger.read() as tx:
        assert spaces.get(tx, space.key).visibility is Visibility.PRIVATE
    assert visitor.post(f"{base}/delete", confirm="gone").status == 400
    reply = visitor.post(f"{base}/delete", confirm="Nele/gone")
    assert (reply.status, reply.location) == (303, "/nele")
    assert visitor.get("/spaces/nele/gone").status == 404


@pytest.mark.req("8.3.6")
def test_anybody_who_opens_a_sleeping_space_wakes_it(site: Site) -> None:
    space = site.made("oskar/dozes")
    with site.context.ledger.write() as tx:
        spaces.want(tx, space.key, Wanted.PAUSED)
    site.visitor().post("/spaces/oskar/dozes/wake")
    with site.context.ledger.read() as tx:
        assert spaces.get(tx, space.key).wanted is Wanted.PAUSED
    assert site.visitor().get("/spaces/oskar/dozes/wake").status == 405
