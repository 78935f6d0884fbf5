"""Who may change something with a browser's cookie: only a page of ours, with its token."""

from __future__ import annotations

import pytest

from hub.web.security import safe_next, same_origin
from spaceport.ledger import spaces, tokens, variables
from spaceport.names import SpaceId
from spaceport.stage import Wanted
from tests.hub.web.conftest import Site

BASE = "/spaces/chandra/held"
HELD = SpaceId("chandra", "held")
POSTS = [
    "/logout", "/new-space", "/settings/tokens", "/settings/tokens/revoke", "/settings/keys",
    "/settings/keys/remove", "/settings/password", f"{BASE}/wake", f"{BASE}/settings/variables",
    f"{BASE}/settings/variables/delete", f"{BASE}/settings/secrets",
    f"{BASE}/settings/secrets/delete",
    f"{BASE}/settings/visibility", f"{BASE}/settings/pause", f"{BASE}/settings/restart",
    f"{BASE}/settings/delete", f"{BASE}/settings/copies", f"{BASE}/settings/rollback",
    f"{BASE}/duplicate", f"{BASE}/settings/storage", f"{BASE}/settings/storage/delete",
    f"{BASE}/settings/volumes", f"{BASE}/settings/volumes/delete",
    f"{BASE}/settings/community", f"{BASE}/discussions", f"{BASE}/discussions/1/comment",
    f"{BASE}/discussions/1/title", f"{BASE}/discussions/1/pin", f"{BASE}/discussions/1/lock",
    f"{BASE}/discussions/1/merge", f"{BASE}/discussions/1/publish",
    f"{BASE}/discussions/1/delete-ref", f"{BASE}/discussions/1/trust",
]  # fmt: skip
FIELDS = {
    "key": "A", "value": "b", "name": "made", "owner": "chandra", "sdk": "static", "role": "write",
    "visibility": "private", "confirm": "chandra/held", "password": "longenough",
    "again": "longenough", "release": "1", "allowed": "0",
    "tier": "small", "type": "bucket", "source": "chandra/b", "place": "/b",
}  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def held(site: Site) -> None:
    site.made("chandra/held")


@pytest.mark.req("WEB-12")
@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "APP"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Site": "same-origin", "Origin": "https://evil.example"},
        {"Sec-Fetch-Site": "same-site", "Origin": "OURS"},
        {"Origin": "OURS", "X-CSRF-Token": "wrong"},
        {"Origin": "OURS", "Content-Type": "text/plain"},
    ],
)
def test_a_change_from_elsewhere_is_refused(site: Site, path: str, headers: dict[str, str]) -> None:
    visitor = site.visitor("chandra")
    ours, app = visitor.origin, f"http://chandra-held.localhost:{site.port}"
    sent = {k: {"OURS": ours, "APP": app}.get(v, v) for k, v in headers.items()}
    trusted = sent.get("Origin") == ours and "Sec-Fetch-Site" not in sent
    fields = FIELDS if trusted else {**FIELDS, "csrf": visitor.csrf}
    reply = visitor.ask("POST", path, fields=fields, headers=sent)
    assert reply.status in (400, 403), reply.text
    with site.context.ledger.read() as tx:
        space = spaces.by_id(tx, HELD)
        assert space is not None
        assert (space.wanted, space.visibility.value) == (Wanted.RUNNING, "public")
        assert variables.of(tx, space.key) == {}
        assert tokens.of_account(tx, space.owner_id) == []
    assert visitor.get("/settings").status == 200


@pytest.mark.req("WEB-12")
def test_the_same_from_a_page_of_ours_is_done(site: Site) -> None:
    visitor = site.visitor("chandra")
    assert visitor.post(f"{BASE}/settings/variables", key="A", value="b").status == 303
    assert visitor.post(f"{BASE}/settings/variables/delete", key="A").status == 303
    reply = visitor.ask(
        "POST",
        f"{BASE}/settings/variables",
        fields={"key": "B", "value": "c"},
        headers={"Sec-Fetch-Site": "same-origin", "X-CSRF-Token": visitor.csrf},
    )
    assert reply.status == 303


@pytest.mark.req("WEB-12")
def test_another_session_s_token_is_not_mine(site: Site) -> None:
    visitor, other = site.visitor("chandra"), site.visitor("mallory")
    visitor.csrf = other.csrf
    assert visitor.post(f"{BASE}/settings/pause").status == 403


@pytest.mark.req("API-27")
def test_getting_every_address_changes_nothing(site: Site) -> None:
    visitor = site.visitor("chandra")
    for path in POSTS:
        assert visitor.get(path).status in (200, 303, 404, 405), path
    with site.context.ledger.read() as tx:
        assert spaces.by_id(tx, HELD) is not None


@pytest.mark.req("WEB-10")
def test_two_session_cookies_are_nobody_in_either_order(site: Site) -> None:
    mine = site.visitor("chandra").cookie
    for cookie in (
        f"{mine}; spaceport-session=x",
        f"spaceport-session=x; {mine}",
        f"{mine}; {mine}",
    ):
        reply = site.visitor().get("/settings", Cookie=cookie)
        assert (reply.status, reply.location) == (303, "/login?next=%2Fsettings")
    assert site.visitor().get("/settings", Cookie=f"a=b; {mine}").status == 200


@pytest.mark.req("API-17")
@pytest.mark.parametrize(
    "bad",
    ["//e", "/\\e", "\\\\e", "https:e", "javascript:alert(1)", "", "e", "/\te", "/\ne", "/ e",
     "http://e/", "///e", "/a\\b", "/\x00", "/" + "a" * 4000, "%2f%2fe", " /a"],
)  # fmt: skip
def test_after_signing_in_nobody_is_sent_away(bad: str) -> None:
    assert safe_next(bad) == "/"


def test_a_path_of_ours_is_where_one_goes_on() -> None:
    assert safe_next("/spaces/a/b?x=1#h") == "/spaces/a/b?x=1#h"


def test_origins_are_compared_as_a_whole() -> None:
    assert same_origin({"Origin": "http://h:1"}, "h:1")
    assert not same_origin({"Origin": "http://h:12"}, "h:1")
    assert not same_origin({"Origin": "http://h:1.evil"}, "h:1")
    assert not same_origin({}, "h:1")
