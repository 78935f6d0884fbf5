"""Tickets that open a private app in a browser: `__sign` and the door's cookie (13.5.3, 13.5.4).

A ticket is a JWT (HS256) under a key of the installation. It names the account, the Space and the
credential it was made with, so that it loses force with any of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from spaceport.actor import Actor, Means
from spaceport.identify import BadCredentials, by_credential
from spaceport.ledger import Ledger, Tx
from spaceport.ledger.keyring import sealed_fact
from spaceport.names import SpaceKey
from spaceport.sealing import Keyring

AUDIENCE = "spaceport-door"
_ALGORITHM = "HS256"
MAX_TEXT = 2048


@dataclass(frozen=True)
class Ticket:
    """What a ticket says. `credential` is the id of a token or session."""

    account_id: str
    space_key: SpaceKey
    means: Means
    credential: str


class Tickets:
    """Signs and reads tickets. Nothing here blocks but `open`, which reads the ledger once."""

    def __init__(self, key: bytes, life: timedelta) -> None:
        self._key = OctKey.import_key(key)
        self._life = life

    @classmethod
    def open(cls, ledger: Ledger, keyring: Keyring, life: timedelta) -> Tickets:
        """With the installation's own key, made at the first time and kept sealed."""
        with ledger.write() as tx:
            return cls(sealed_fact(tx, keyring, "door"), life)

    def mint(self, actor: Actor, key: SpaceKey, at: datetime) -> str:
        """A ticket for who may open the app; the caller has asked `authorize`."""
        credential = actor.session.id if actor.session else actor.token.id if actor.token else ""
        if actor.id is None or not credential:
            raise BadCredentials("A ticket needs a session or a token.")
        claims = {
            "aud": AUDIENCE,
            "sub": actor.id,
            "space": key,
            "means": actor.means.value,
            "cred": credential,
            "exp": int((at + self._life).timestamp()),
        }
        return jwt.encode({"alg": _ALGORITHM}, claims, self._key)

    def read(self, text: str, at: datetime) -> Ticket | None:
        """None for what is forged, over, or no ticket at all."""
        if not text or len(text) > MAX_TEXT:
            return None
        try:
            claims = jwt.decode(text, self._key, algorithms=[_ALGORITHM]).claims
            if claims["aud"] != AUDIENCE or int(claims["exp"]) <= at.timestamp():
                return None
            return Ticket(claims["sub"], claims["space"], Means(claims["means"]), claims["cred"])
        except (JoseError, KeyError, ValueError, TypeError):
            return None


def holder(tx: Tx, ticket: Ticket, at: datetime) -> Actor:
    """Who holds a ticket, with today's rights. Raises `BadCredentials` when it lost its force."""
    if ticket.means not in (Means.TOKEN, Means.SESSION):
        raise BadCredentials
    return by_credential(tx, ticket.account_id, ticket.means, ticket.credential, at)
