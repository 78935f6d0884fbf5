"""Passes: what the addresses of uploads and downloads, and git-lfs-authenticate, carry (LFS-09).

A pass is a JWT (HS256) under a key of the installation that serves nothing else. It says what may
be done, once and exactly: the purpose, the repository, the object and its size, by whom and until
when. It gives no right: the holder's rights are looked up anew when it is used (LFS-10).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from spaceport.actor import ANONYMOUS, Actor, Means
from spaceport.identify import by_credential
from spaceport.ledger import Ledger, Tx
from spaceport.ledger.keyring import sealed_fact
from spaceport.names import SpaceKey
from spaceport.sealing import Keyring

AUDIENCE = "spaceport-lfs"
MAX_TEXT = 2048
_ALGORITHM = "HS256"


class Purpose(StrEnum):
    """One kind of request. A pass for one opens no other."""

    UPLOAD = "upload"
    DOWNLOAD = "download"
    VERIFY = "verify"
    PART = "part"
    COMPLETE = "complete"
    XET = "xet"  # every call of an upload that hf_xet makes
    SSH_UPLOAD = "ssh-upload"  # the batch and lock API, instead of a login
    SSH_DOWNLOAD = "ssh-download"


@dataclass(frozen=True)
class Holder:
    """Who a pass is for, by which credential: an account's token, session or SSH key."""

    account_id: str = ""
    means: Means = Means.NONE
    credential: str = ""

    @classmethod
    def of(cls, actor: Actor, credential: str = "") -> Holder:
        """`credential` is the id of an SSH key, which an actor does not know."""
        if actor.id is None:
            return cls()
        if actor.token is not None:
            credential = actor.token.id
        elif actor.session is not None:
            credential = actor.session.id
        return cls(actor.id, actor.means, credential)

    def actor(self, tx: Tx, at: datetime) -> Actor:
        """With today's rights. Raises `BadCredentials` when the credential lost its force."""
        if self.means is Means.NONE:
            return ANONYMOUS
        return by_credential(tx, self.account_id, self.means, self.credential, at)


@dataclass(frozen=True)
class Pass:
    """What a pass says. `size` is the object's; `upload`, `part` and `chunk` (bytes of a part)
    belong to an upload in parts."""

    purpose: Purpose
    space: SpaceKey
    holder: Holder = Holder()
    oid: str = ""
    size: int = 0
    upload: str = ""
    part: int = 0
    chunk: int = 0


class Passes:
    """Signs and reads passes. Nothing blocks but `open`."""

    def __init__(self, key: bytes) -> None:
        self._key = OctKey.import_key(key)

    @classmethod
    def open(cls, ledger: Ledger, keyring: Keyring) -> Passes:
        """With the installation's own key, made at the first time and kept sealed."""
        with ledger.write() as tx:
            return cls(sealed_fact(tx, keyring, "lfs"))

    def sign(self, given: Pass, until: datetime) -> str:
        claims: dict[str, Any] = {
            "aud": AUDIENCE,
            "exp": int(until.timestamp()),
            "for": given.purpose.value,
            "space": given.space,
            "sub": given.holder.account_id,
            "means": given.holder.means.value,
            "cred": given.holder.credential,
            "oid": given.oid,
            "size": given.size,
            "upload": given.upload,
            "part": given.part,
            "chunk": given.chunk,
        }
        return jwt.encode({"alg": _ALGORITHM}, claims, self._key)

    def read(self, text: str, at: datetime) -> Pass | None:
        """None for what is forged, over, or no pass at all."""
        if not text or len(text) > MAX_TEXT:
            return None
        try:
            claims = jwt.decode(text, self._key, algorithms=[_ALGORITHM]).claims
            if claims["aud"] != AUDIENCE or int(claims["exp"]) <= at.timestamp():
                return None
            return Pass(
                Purpose(claims["for"]),
                claims["space"],
                Holder(claims["sub"], Means(claims["means"]), claims["cred"]),
                claims["oid"],
                int(claims["size"]),
                claims["upload"],
                int(claims["part"]),
                int(claims["chunk"]),
            )
        except (JoseError, KeyError, ValueError, TypeError):
            return None
