"""After a break-in: one command, and every old credential fails (KEY-09)."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from hub.tickets import Tickets, holder
from spaceport.actor import Means
from spaceport.identify import BadCredentials, identify, read_headers
from spaceport.ledger import accounts, invitations, sessions, tokens
from spaceport.ledger.columns import now
from spaceport.ledger.incident import revoke_all
from spaceport.ledger.invitations import Purpose
from spaceport.ledger.rotation import rotate
from spaceport.roles import TokenRole
from tests.hub.conftest import make_context
from tests.hub.wire import free_port


@pytest.mark.req("KEY-09")
def test_every_old_credential_fails_and_secrets_are_under_a_new_key(tmp_path: Path) -> None:
    context = make_context(tmp_path / "data", free_port())
    ledger = context.ledger
    with ledger.write() as tx:
        people = [accounts.create_user(tx, name) for name in ("ada", "ben")]
        shown = [tokens.create(tx, one.id, "t", TokenRole.WRITE)[1] for one in people]
        cookies = [sessions.begin(tx, one.id)[1] for one in people]
        invited = invitations.create(tx, Purpose.ADMIN)
    heads = [([f"Bearer {text}"], None) for text in shown] + [([], cookie) for cookie in cookies]
    actors = [identify(ledger, read_headers(list(head), cookie)) for head, cookie in heads]
    assert [actor.means for actor in actors] == [Means.TOKEN] * 2 + [Means.SESSION] * 2
    tickets = [context.tickets.mint(actor, "a" * 24, now()) for actor in actors]
    key = context.keyring.current
    with ledger.write() as tx:
        gone = revoke_all(tx)
    done = rotate(ledger, context.keyring)
    assert (gone.tokens, gone.sessions, gone.invitations, gone.ssh_keys) == (2, 2, 1, 0)
    assert done.key != key and done.removed == (key,)
    for head, cookie in heads[:2]:
        with pytest.raises(BadCredentials):
            identify(ledger, read_headers(list(head), cookie))
    for head, cookie in heads[2:]:  # a browser whose session is over is a visitor like any other
        assert identify(ledger, read_headers(list(head), cookie)).anonymous
    anew = Tickets.open(ledger, context.keyring, timedelta(days=1))
    with ledger.read() as tx:
        assert invitations.peek(tx, invited) is None
        for text in tickets:
            ticket = anew.read(text, now())
            assert ticket is not None
            with pytest.raises(BadCredentials):
                holder(tx, ticket, now())
    context.pools.close()
    ledger.close()
