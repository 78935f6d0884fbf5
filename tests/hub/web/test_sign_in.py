"""One-time links, passwords, sessions, and a person's own settings."""

from __future__ import annotations

import re
import threading

import pytest

from spaceport.ledger import accounts, invitations, keys, sessions, tokens
from spaceport.ledger.invitations import Purpose
from spaceport.passwords import hash_password
from tests.hub.web.conftest import Reply, Site

PASSWORD = "correct horse battery"


def link(site: Site, purpose: Purpose, name: str = "") -> str:
    account_id = site.user(name).id if name else None
    with site.context.ledger.write() as tx:
        return "/join/" + invitations.create(tx, purpose, account_id=account_id)


def with_password(site: Site, name: str) -> None:
    account = site.user(name)
    with site.context.ledger.write() as tx:
        accounts.set_password(tx, account.id, hash_password(PASSWORD))


def answers(name: str = "") -> dict[str, str]:
    return {"name": name, "password": PASSWORD, "again": PASSWORD}


@pytest.mark.req("API-33")
def test_the_administrators_link_works_once_and_looking_does_not_use_it_up(site: Site) -> None:
    path = link(site, Purpose.ADMIN)
    visitor = site.visitor()
    for _ in range(3):
        assert "administrator" in visitor.get(path).text
    reply = visitor.post(path, **answers("grace"))
    assert (reply.status, reply.location) == (303, "/")
    cookie = reply.headers["Set-Cookie"]
    for part in ("HttpOnly", "SameSite=Lax", "Path=/"):
        assert part in cookie
    assert "Domain" not in cookie
    assert "grace" in visitor.get("/settings").text
    with site.context.ledger.read() as tx:
        assert accounts.user(tx, "grace").is_admin
    again = site.visitor()
    assert again.get(path).status == 404
    assert again.post(path, **answers("second")).status == 404
    with site.context.ledger.read() as tx:
        assert accounts.by_name(tx, "second") is None


def test_of_many_who_use_a_link_at_once_one_gets_in(site: Site) -> None:
    path = link(site, Purpose.USER)
    replies: list[Reply] = []

    def use(number: int) -> None:
        replies.append(site.visitor().post(path, **answers(f"crowd{number}")))

    crowd = [threading.Thread(target=use, args=(number,)) for number in range(5)]
    for each in crowd:
        each.start()
    for each in crowd:
        each.join()
    assert sorted(reply.status for reply in replies) == [303, 404, 404, 404, 404]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"name": "x"}, "2 to 42 characters"),
        ({"name": "api"}, "reserved"),
        ({"again": "another one"}, "differ"),
        ({"password": "short", "again": "short"}, "8 to 1024 bytes"),
        ({"name": "<b>x</b>"}, "single inner"),
    ],
)
def test_a_mistake_leaves_the_link_usable(site: Site, fields: dict[str, str], words: str) -> None:
    path = link(site, Purpose.USER)
    reply = site.visitor().post(path, **{**answers("linus"), **fields})
    assert reply.status == 400
    assert words in reply.text
    assert "<b>x" not in reply.text
    assert site.visitor().get(path).status == 200


def test_a_link_for_a_forgotten_password_ends_every_session(site: Site) -> None:
    old = site.visitor("iris")
    path = link(site, Purpose.RESET, "iris")
    fresh = site.visitor()
    assert "iris" in fresh.get(path).text
    assert fresh.post(path, **answers()).status == 303
    assert fresh.get("/settings").status == 200
    assert old.get("/settings").location.startswith("/login")


def test_signing_in_by_password_and_out_again(site: Site) -> None:
    with_password(site, "nina")
    visitor = site.visitor()
    wrong = visitor.post("/login", name="nina", password="wrong wrong", next="/settings")
    assert wrong.status == 403
    unknown = visitor.post("/login", name="nobody", password="wrong wrong", next="/settings")
    assert unknown.text.replace("nobody", "nina").count("is not right") == 1
    strip = re.compile(r'nonce="[^"]*"')
    assert strip.sub("", wrong.text) == strip.sub("", unknown.text).replace("nobody", "nina")
    reply = visitor.post("/login", name="Nina", password=PASSWORD, next="/settings")
    assert (reply.status, reply.location) == (303, "/settings")
    visitor.learn_csrf()
    cookie = visitor.cookie
    assert visitor.post("/logout").status == 303
    visitor.cookie = cookie
    assert visitor.get("/settings").status == 303


@pytest.mark.req("API-25")
def test_a_cookie_planted_before_signing_in_is_worth_nothing(site: Site) -> None:
    with_password(site, "pia")
    planted = "spaceport-session=" + "A" * 43
    visitor = site.visitor()
    visitor.cookie = planted
    assert visitor.post("/login", name="pia", password=PASSWORD, next="/").status == 303
    assert visitor.cookie != planted
    visitor.cookie = planted
    assert visitor.get("/settings").status == 303


@pytest.mark.req("API-08")
def test_a_suspended_account_cannot_sign_in(site: Site) -> None:
    with_password(site, "rolf")
    with site.context.ledger.write() as tx:
        accounts.suspend(tx, accounts.user(tx, "rolf").id)
    assert site.visitor().post("/login", name="rolf", password=PASSWORD).status == 403


@pytest.mark.req("WEB-12")
def test_another_site_cannot_sign_a_visitor_in(site: Site) -> None:
    with_password(site, "sven")
    fields = {"name": "sven", "password": PASSWORD}
    for headers in ({}, {"Origin": "https://evil.example"}):
        reply = site.visitor().ask("POST", "/login", fields=fields, headers=headers)
        assert (reply.status, reply.headers["Set-Cookie"]) == (403, None)


def test_a_form_that_is_no_form_is_told_so(site: Site) -> None:
    visitor = site.visitor()
    big = visitor.post("/login", name="x" * 300_000)
    assert big.status in (400, 413)
    odd = visitor.ask("POST", "/login", headers={"Origin": visitor.origin, "Content-Length": "0"})
    assert odd.status == 400


@pytest.mark.req("API-03")
def test_a_token_is_shown_once_and_can_be_revoked(site: Site) -> None:
    visitor = site.visitor("tova")
    text = visitor.post("/settings/tokens", name="<laptop>", role="write").text
    found = re.search(r"hf_\w{34}", text)
    assert found is not None
    page = visitor.get("/settings").text
    assert found[0] not in page
    assert "&lt;laptop&gt;" in page
    with site.context.ledger.read() as tx:
        [token] = tokens.of_account(tx, site.user("tova").id)
    assert visitor.post("/settings/tokens/revoke", id=token.id).status == 303
    with site.context.ledger.read() as tx:
        assert tokens.find(tx, found[0]) is None
    assert visitor.post("/settings/tokens", name="x", role="admin").status == 400


def test_nobody_revokes_the_token_of_another(site: Site) -> None:
    site.token("ulla")
    with site.context.ledger.read() as tx:
        [token] = tokens.of_account(tx, site.user("ulla").id)
    site.visitor("vera").post("/settings/tokens/revoke", id=token.id)
    with site.context.ledger.read() as tx:
        assert tokens.of_account(tx, token.account_id) == [token]


def test_ssh_keys_are_added_and_removed(site: Site) -> None:
    visitor = site.visitor("wanda")
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ1F0JkqYb6Jt3l5cP0m6qkJb2nqvZ3y0sQ9Zt2oT5aB me@home"
    assert visitor.post("/settings/keys", key=key).status == 303
    assert "me@home" in visitor.get("/settings").text
    bad = visitor.post("/settings/keys", key="-----BEGIN OPENSSH PRIVATE KEY-----")
    assert bad.status == 400
    assert "private key" in bad.text
    with site.context.ledger.read() as tx:
        [made] = keys.of_account(tx, site.user("wanda").id)
    visitor.post("/settings/keys/remove", id=made.id)
    assert "me@home" not in visitor.get("/settings").text


def test_a_new_password_needs_the_old_one_and_ends_other_sessions(site: Site) -> None:
    with_password(site, "xenia")
    visitor, other = site.visitor("xenia"), site.visitor("xenia")
    new = {"password": "a whole new one", "again": "a whole new one"}
    assert "not right" in visitor.post("/settings/password", old="guess guess", **new).text
    reply = visitor.post("/settings/password", old=PASSWORD, **new)
    assert reply.status == 303
    assert visitor.get("/settings").status == 200
    assert other.get("/settings").status == 303
    with site.context.ledger.read() as tx:
        assert sessions.find(tx, visitor.cookie.partition("=")[2]) is not None
