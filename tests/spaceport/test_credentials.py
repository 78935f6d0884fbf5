"""Tokens, sessions, one-time links and SSH keys in the ledger."""

from __future__ import annotations

import subprocess
import threading
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from spaceport.errors import Conflict, Invalid
from spaceport.ledger import Ledger, accounts, invitations, keys, sessions, tokens
from spaceport.ledger.accounts import Account
from spaceport.ledger.columns import now
from spaceport.ledger.invitations import Purpose
from spaceport.ledger.tables import tokens as tokens_table
from spaceport.roles import Grant, Right, TokenRole


@pytest.mark.req("API-03")
def test_a_token_is_random_shown_once_and_stored_as_a_digest(ledger: Ledger, ada: Account) -> None:
    with ledger.write() as tx:
        token, text = tokens.create(tx, ada.id, "laptop", TokenRole.WRITE)
        _, other = tokens.create(tx, ada.id, "laptop", TokenRole.READ)
        row = tx.execute(select(tokens_table).where(tokens_table.c.id == token.id)).one()
    assert text.startswith("hf_") and len(text) == 37 and text != other
    assert text not in repr(row) and text not in repr(token)
    with ledger.read() as tx:
        assert tokens.find(tx, text) == token
        assert tokens.find(tx, text[:-1]) is None
        assert tokens.find(tx, "hf_\udcff") is None
        assert [found.tail for found in tokens.of_account(tx, ada.id)] == [text[-4:], other[-4:]]


def test_a_fine_grained_token_keeps_its_grants(ledger: Ledger, ada: Account) -> None:
    grant = Grant("a" * 24, frozenset({Right.READ, Right.WRITE}))
    with ledger.write() as tx:
        made, text = tokens.create(tx, ada.id, "ci", TokenRole.FINE_GRAINED, grants=[grant])
        found = tokens.find(tx, text)
        assert found is not None and found.grants == made.grants == (grant,)
        with pytest.raises(Invalid, match="fine-grained"):
            tokens.create(tx, ada.id, "ci", TokenRole.WRITE, grants=[grant])
        with pytest.raises(Invalid, match="name"):
            tokens.create(tx, ada.id, "", TokenRole.WRITE)


@pytest.mark.req("API-10")
def test_only_the_owner_revokes(ledger: Ledger, ada: Account) -> None:
    with ledger.write() as tx:
        bob = accounts.create_user(tx, "bob")
        token, text = tokens.create(tx, ada.id, "laptop", TokenRole.WRITE)
        assert not tokens.revoke(tx, bob.id, token.id)
        assert tokens.revoke(tx, ada.id, token.id)
        assert tokens.find(tx, text) is None


def test_the_last_use_is_noted_at_most_once_a_minute(ledger: Ledger, ada: Account) -> None:
    with ledger.write() as tx:
        token, text = tokens.create(tx, ada.id, "laptop", TokenRole.READ)
        at = now()
        assert tokens.touch_due(token, at)
        tokens.touch(tx, token, at)
        tokens.touch(tx, token, at - timedelta(hours=1))
        seen = tokens.find(tx, text)
    assert seen is not None and seen.last_used_at == at
    assert not tokens.touch_due(seen, at + timedelta(seconds=59))
    assert tokens.touch_due(seen, at + timedelta(seconds=60))


def test_expiry_is_a_moment(ledger: Ledger, ada: Account) -> None:
    at = now()
    with ledger.write() as tx:
        token, _ = tokens.create(tx, ada.id, "short", TokenRole.READ, expires_at=at)
    assert token.expired(at) and not token.expired(at - timedelta(microseconds=1))


@pytest.mark.req("API-25")
def test_a_session_ends_idle_and_old(ledger: Ledger, ada: Account) -> None:
    with ledger.write() as tx:
        session, cookie = sessions.begin(tx, ada.id)
        assert cookie not in repr(session)
        assert sessions.find(tx, cookie) == session
        assert sessions.find(tx, session.id) is None
        start = session.created_at
        assert sessions.find(tx, cookie, start + sessions.IDLE) is None
        for day in range(0, 40, 3):
            sessions.touch(tx, session, start + timedelta(days=day))
            alive = sessions.find(tx, cookie, start + timedelta(days=day, hours=1)) is not None
            assert alive == (day < 30)
        assert sessions.sweep(tx, start + timedelta(days=31)) == 1


def test_signing_out_here_and_everywhere_else(ledger: Ledger, ada: Account) -> None:
    with ledger.write() as tx:
        here, cookie = sessions.begin(tx, ada.id)
        sessions.begin(tx, ada.id)
        sessions.begin(tx, ada.id)
        assert sessions.end_all(tx, ada.id, keep=here) == 2
        assert sessions.find(tx, cookie) is not None
        sessions.end(tx, cookie)
        assert sessions.find(tx, cookie) is None


def test_a_link_works_once_and_not_for_ever(ledger: Ledger, ada: Account) -> None:
    with ledger.write() as tx:
        link = invitations.create(tx, Purpose.USER)
        late = invitations.create(tx, Purpose.USER, life=timedelta(seconds=-1))
        assert invitations.peek(tx, late) is None and invitations.take(tx, late) is None
        assert invitations.peek(tx, link) is not None
        taken = invitations.take(tx, link)
        assert taken is not None and taken.purpose is Purpose.USER
        assert invitations.take(tx, link) is None
        link = invitations.create(tx, Purpose.ADMIN)
        assert invitations.withdraw(tx, Purpose.ADMIN) == 1
        assert invitations.peek(tx, link) is None


def test_of_many_at_once_one_gets_the_link(ledger: Ledger) -> None:
    with ledger.write() as tx:
        link = invitations.create(tx, Purpose.ADMIN)
    got: list[object] = []

    def take() -> None:
        with ledger.write() as tx:
            got.append(invitations.take(tx, link))

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 8 and sum(taken is not None for taken in got) == 1


def make_key(folder: Path, *options: str) -> Path:
    path = folder / f"key{len(list(folder.glob('key*')))}"
    command = ["ssh-keygen", "-q", "-N", "", "-C", "ada's laptop", "-f", path, *options]
    subprocess.run(command, check=True)
    return path


@pytest.mark.parametrize(
    "options", [("-t", "ed25519"), ("-t", "ecdsa"), ("-t", "rsa", "-b", "3072")]
)
def test_a_key_is_kept_with_the_fingerprint_that_ssh_prints(
    ledger: Ledger, ada: Account, tmp_path: Path, options: tuple[str, ...]
) -> None:
    path = make_key(tmp_path, *options)
    public = path.with_suffix(".pub")
    printed = subprocess.run(["ssh-keygen", "-lf", public], check=True, capture_output=True)
    with ledger.write() as tx:
        key = keys.add(tx, ada.id, public.read_text())
    assert key.fingerprint == printed.stdout.decode().split()[1]
    assert key.name == "ada's laptop"
    with ledger.write() as tx:
        assert keys.by_fingerprint(tx, key.fingerprint) == key
        assert keys.of_account(tx, ada.id) == [key]
        bob = accounts.create_user(tx, "bob")
        with pytest.raises(Conflict):
            keys.add(tx, bob.id, public.read_text())
        assert not keys.remove(tx, bob.id, key.id)
        assert keys.remove(tx, ada.id, key.id)


def test_bad_keys_are_refused_with_a_reason(tmp_path: Path) -> None:
    private = make_key(tmp_path, "-t", "ed25519")
    with pytest.raises(Invalid, match="private key"):
        keys.parse(private.read_text())
    with pytest.raises(Invalid, match="3072 bits"):
        keys.parse(make_key(tmp_path, "-t", "rsa", "-b", "2048").with_suffix(".pub").read_text())
    good = private.with_suffix(".pub").read_text()
    options = [f"{option} {good}" for option in ("command=id", 'command="id"', "no-pty")]
    strange = [good.strip() + each for each in ("\x1b[31m", "\x00", "\x7f", "\r\nx", "\u202e")]
    cut = ["", "ssh-ed25519", "ssh-ed25519 AAAA", "ssh-dss AAAA x", good + good, good[:40]]
    for bad in (*options, *strange, *cut):
        with pytest.raises(Invalid):
            keys.parse(bad)
