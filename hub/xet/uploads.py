"""Ids of uploads: random, and signed for whom they were given to.

Each token answer begins a new upload, since a client remembers what it sent by the address that it
sent it to (hub-api 8.4). But a client that renews its token keeps the address of the first answer:
so a token is good for every upload of its actor to its Space, and the id itself says whose it is.
Nothing is kept on the server for an id that nothing was sent to.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re

from spaceport.ledger import Ledger
from spaceport.ledger.keyring import sealed_fact
from spaceport.names import SpaceKey
from spaceport.sealing import Keyring

_DIGITS = 32  # of the random half of an id, and of the half that signs it
_ID = re.compile(r"[0-9a-f]{64}")


class UploadIds:
    """Makes and checks them. Nothing here blocks but `open`."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    @classmethod
    def open(cls, ledger: Ledger, keyring: Keyring) -> UploadIds:
        """With the installation's own key, made at the first time and kept sealed."""
        with ledger.write() as tx:
            return cls(sealed_fact(tx, keyring, "xet"))

    def new(self, account_id: str, space: SpaceKey) -> str:
        """64 hexadecimal digits, so also the name of a folder."""
        nonce = os.urandom(_DIGITS // 2).hex()
        return nonce + self._signature(nonce, account_id, space)

    def owns(self, account_id: str, space: SpaceKey, upload: str) -> bool:
        """Whether the id was made for just this account and Space."""
        if not _ID.fullmatch(upload):
            return False
        wanted = self._signature(upload[:_DIGITS], account_id, space)
        return hmac.compare_digest(wanted, upload[_DIGITS:])

    def _signature(self, nonce: str, account_id: str, space: SpaceKey) -> str:
        parts = json.dumps([nonce, account_id, space]).encode()  # no part runs into the next
        return hmac.digest(self._key, parts, hashlib.sha256).hex()[:_DIGITS]
