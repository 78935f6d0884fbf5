from __future__ import annotations

import base64
from datetime import timedelta

import pytest

from spaceport.actor import ANONYMOUS, Means
from spaceport.identify import INVALID, BadCredentials, Shown, by_key, identify, read_headers
from spaceport.ledger import Ledger, accounts, keys, memberships, sessions, tokens
from spaceport.ledger.accounts import Account
from spaceport.ledger.columns import now
from spaceport.roles import OrgRole, TokenRole

PUBLIC_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKfMYwYHLwdTUCSDeyYCGTOSRHxOYMtqcM8qSHhYzOXV x"


def basic(name: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


@pytest.mark.req("GIT-28")
@pytest.mark.parametrize(
    "header",
    [
        "Bearer hf_abc",
        "bearer  hf_abc ",
        basic("ada", "hf_abc"),
        basic("hf_abc", ""),
        basic("hf_abc", "x-oauth-basic"),
        basic("", "hf_abc"),
    ],
)
def test_a_token_is_read_in_every_form(header: str) -> None:
    assert read_headers([header], "cookie") == Shown(token="hf_abc")


@pytest.mark.req("API-06")
@pytest.mark.parametrize(
    "headers",
    [
        ["Digest x"],
        ["hf_abc"],
        ["Basic !!!"],
        ["Basic " + base64.b64encode(b"\xff:\xff").decode()],
        [""],
        ["Bearer " + "x" * 5000],
        [basic("ada", "my account password")],
        ["Bearer hf_a", "Bearer hf_b"],
    ],
)
def test_what_is_shown_and_wrong_is_no_fall_back_to_the_cookie(headers: list[str]) -> None:
    with pytest.raises(BadCredentials) as caught:
        read_headers(headers, "a good cookie")
    assert caught.value.status == (400 if len(headers) > 1 else 401)


def test_a_password_gets_a_hint_and_shows_nowhere() -> None:
    with pytest.raises(BadCredentials) as caught:
        read_headers([basic("ada", "my account password")])
    assert "access token" in caught.value.hint
    assert "account password" not in str(caught.value)
    assert "hf_abc" not in repr(read_headers(["Bearer hf_abc"]))


def test_nothing_shown_is_nobody(ledger: Ledger) -> None:
    assert identify(ledger, read_headers([])) is ANONYMOUS
    assert identify(ledger, Shown(cookie="unknown")) is ANONYMOUS


def test_a_token_is_its_owner_with_roles(ledger: Ledger, ada: Account) -> None:
    with ledger.write() as tx:
        lab = accounts.create_org(tx, "lab")
        memberships.set_role(tx, lab, ada, OrgRole.WRITE)
        token, text = tokens.create(tx, ada.id, "laptop", TokenRole.READ)
    actor = identify(ledger, Shown(token=text))
    assert (actor.means, actor.name, actor.token) == (Means.TOKEN, "Ada", token)
    assert actor.roles == {lab.id: OrgRole.WRITE}
    with ledger.read() as tx:
        assert tokens.of_account(tx, ada.id)[0].last_used_at is not None


@pytest.mark.req("API-07")
@pytest.mark.req("API-08")
def test_revoked_expired_and_suspended_open_nothing(ledger: Ledger, ada: Account) -> None:
    at = now()
    with ledger.write() as tx:
        token, revoked = tokens.create(tx, ada.id, "a", TokenRole.WRITE)
        _, short = tokens.create(tx, ada.id, "b", TokenRole.WRITE, expires_at=at)
        _, text = tokens.create(tx, ada.id, "c", TokenRole.WRITE)
        _, cookie = sessions.begin(tx, ada.id)
        keys.add(tx, ada.id, PUBLIC_KEY)
        fingerprint = keys.of_account(tx, ada.id)[0].fingerprint
        tokens.revoke(tx, ada.id, token.id)
    assert identify(ledger, Shown(token=text)).id == ada.id
    assert identify(ledger, Shown(cookie=cookie)).id == ada.id
    with ledger.read() as tx:
        assert by_key(tx, fingerprint).id == ada.id
    for wrong in (revoked, short, "", "hf_unknown"):
        with pytest.raises(BadCredentials, match=INVALID):
            identify(ledger, Shown(token=wrong), at)
    with ledger.write() as tx:
        accounts.suspend(tx, ada.id)
    with pytest.raises(BadCredentials):
        identify(ledger, Shown(token=text))
    assert identify(ledger, Shown(cookie=cookie)) is ANONYMOUS
    with ledger.read() as tx, pytest.raises(BadCredentials):
        by_key(tx, fingerprint)


def test_a_session_is_kept_alive_by_use(ledger: Ledger, ada: Account) -> None:
    with ledger.write() as tx:
        session, cookie = sessions.begin(tx, ada.id)
    later = session.seen_at + timedelta(days=6)
    assert identify(ledger, Shown(cookie=cookie), later).session == session
    assert identify(ledger, Shown(cookie=cookie), later + timedelta(days=6)).id == ada.id
    assert identify(ledger, Shown(cookie=cookie), later + timedelta(days=13)) is ANONYMOUS
