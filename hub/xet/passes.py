"""What an upload is opened with: its id, and the token that the client shows with every call.

Each token answer begins a new upload, since a client remembers what it sent by the address that it
sent it to (hub-api 8.4). When a client renews its token it keeps the address of the first answer:
so a token is good for every upload of its actor to its Space, and the id itself says whose it is.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from hub.tickets import Ticket
from spaceport.actor import Actor, Means
from spaceport.identify import BadCredentials
from spaceport.ledger import Ledger
from spaceport.ledger.keyring import sealed_fact
from spaceport.names import SpaceKey
from spaceport.sealing import Keyring

AUDIENCE = "spaceport-xet"
_ALGORITHM = "HS256"
MAX_TEXT = 2048
_DIGITS = 32  # of the random half of an id, and of the half that signs it
_ID = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Pass:
    """A new upload: its id, its first token, and when that is over (Unix seconds)."""

    upload: str
    token: str
    expires: int


class Passes:
    """Makes and reads them. Nothing here blocks but `open`, which reads the ledger once."""

    def __init__(self, key: bytes, life: timedelta) -> None:
        self._key = key
        self._jwk = OctKey.import_key(key)
        self._life = life

    @classmethod
    def open(cls, ledger: Ledger, keyring: Keyring, life: timedelta) -> Passes:
        """With the installation's own key, made at the first time and kept sealed."""
        with ledger.write() as tx:
            return cls(sealed_fact(tx, keyring, "xet"), life)

    def new(self, actor: Actor, space: SpaceKey, at: datetime) -> Pass:
        """For who may write to the Space; the caller has asked `authorize`.

        Raises `BadCredentials` for an actor without a session or token of its own.
        """
        credential = actor.session.id if actor.session else actor.token.id if actor.token else ""
        if actor.id is None or not credential:
            raise BadCredentials("An upload needs a session or a token.")
        expires = int((at + self._life).timestamp())
        claims = {
            "aud": AUDIENCE,
            "sub": actor.id,
            "space": space,
            "means": actor.means.value,
            "cred": credential,
            "exp": expires,
        }
        token = jwt.encode({"alg": _ALGORITHM}, claims, self._jwk)
        nonce = os.urandom(_DIGITS // 2).hex()
        return Pass(nonce + self._signature(nonce, actor.id, space), token, expires)

    def read(self, token: str, at: datetime) -> Ticket | None:
        """Who holds a token, and for which Space; None for what is forged, over, or no token."""
        if not token or len(token) > MAX_TEXT:
            return None
        try:
            claims = jwt.decode(token, self._jwk, algorithms=[_ALGORITHM]).claims
            if claims["aud"] != AUDIENCE or int(claims["exp"]) <= at.timestamp():
                return None
            return Ticket(claims["sub"], claims["space"], Means(claims["means"]), claims["cred"])
        except (JoseError, KeyError, ValueError, TypeError):
            return None

    def owns(self, ticket: Ticket, upload: str) -> bool:
        """Whether the upload is one of the ticket's actor to the ticket's Space."""
        if not _ID.fullmatch(upload):
            return False
        wanted = self._signature(upload[:_DIGITS], ticket.account_id, ticket.space_key)
        return hmac.compare_digest(wanted, upload[_DIGITS:])

    def _signature(self, nonce: str, account_id: str, space: SpaceKey) -> str:
        parts = json.dumps(["upload", nonce, account_id, space]).encode()  # no part runs into next
        return hmac.digest(self._key, parts, hashlib.sha256).hex()[:_DIGITS]
