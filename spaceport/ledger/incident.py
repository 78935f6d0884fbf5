"""After a break-in: what lets somebody in without a password loses its force (KEY-09)."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import delete, func, select

from spaceport.ledger import events
from spaceport.ledger.database import Tx
from spaceport.ledger.events import EventKind
from spaceport.ledger.tables import invitations, sessions, ssh_keys, tokens


@dataclass(frozen=True)
class Revoked:
    """How many of each; `ssh_keys` stay, for their owners to look at."""

    tokens: int
    sessions: int
    invitations: int
    ssh_keys: int


def revoke_all(tx: Tx) -> Revoked:
    """Tokens, sessions and open invitations of everybody. Tickets to apps go with them."""
    done = Revoked(
        tokens=tx.execute(delete(tokens)).rowcount,
        sessions=tx.execute(delete(sessions)).rowcount,
        invitations=tx.execute(delete(invitations)).rowcount,
        ssh_keys=tx.execute(select(func.count()).select_from(ssh_keys)).scalar_one(),
    )
    events.append(
        tx,
        EventKind.ACCOUNT_CHANGED,
        change="everything revoked",
        tokens=done.tokens,
        sessions=done.sessions,
        invitations=done.invitations,
    )
    return done
