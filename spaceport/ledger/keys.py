"""SSH public keys of users: which key opens git as whom."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_ssh_public_key
from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from spaceport.errors import Conflict, Invalid
from spaceport.ledger import events
from spaceport.ledger.columns import now
from spaceport.ledger.database import Tx
from spaceport.ledger.events import EventKind
from spaceport.ledger.tables import ssh_keys
from spaceport.names import new_key

ALGORITHMS = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "ssh-rsa",
)
RSA_BITS = (3072, 16384)
MAX_TEXT = 8192
MAX_NAME = 200


@dataclass(frozen=True)
class SshKey:
    """`public_key` is `<algorithm> <base64>`; `fingerprint` as `ssh-keygen -l` prints it."""

    id: str
    account_id: str
    name: str
    public_key: str
    fingerprint: str
    created_at: datetime
    last_used_at: datetime | None


@dataclass(frozen=True)
class ParsedKey:
    algorithm: str
    blob: bytes
    comment: str

    @property
    def line(self) -> str:
        return f"{self.algorithm} {base64.b64encode(self.blob).decode()}"

    @property
    def fingerprint(self) -> str:
        return fingerprint_of(self.blob)


def fingerprint_of(blob: bytes) -> str:
    """`SHA256:...` of a key in its wire form, as ssh-keygen prints it."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


def parse(text: str) -> ParsedKey:
    """Read one line of a `.pub` file. Raises `Invalid` that says what is wrong with it."""
    words = text.strip().split(None, 2)
    if "PRIVATE KEY" in text:
        raise Invalid("This is a private key, which nobody should have.", hint="Use the .pub file.")
    plain = text.strip().replace("\t", " ").isprintable()
    if len(text) > MAX_TEXT or not plain or len(words) < 2:
        raise Invalid("This is not a public SSH key.", hint="Use one line of a .pub file.")
    if words[0] not in ALGORITHMS:
        raise Invalid(
            f"Keys of the kind {words[0][:40]!r} are not accepted.",
            hint="Make one with: ssh-keygen -t ed25519",
        )
    try:
        blob = base64.b64decode(words[1], validate=True)
        public = load_ssh_public_key(f"{words[0]} {words[1]}".encode())
    except (binascii.Error, ValueError, UnsupportedAlgorithm) as error:
        raise Invalid(
            "This public SSH key is damaged.", hint="Copy the .pub file again."
        ) from error
    if isinstance(public, RSAPublicKey) and not RSA_BITS[0] <= public.key_size <= RSA_BITS[1]:
        raise Invalid(f"An RSA key needs at least {RSA_BITS[0]} bits.")
    return ParsedKey(words[0], blob, words[2][:MAX_NAME] if len(words) > 2 else "")


def add(
    tx: Tx, account_id: str, text: str, *, name: str = "", actor_id: str | None = None
) -> SshKey:
    """Raises `Invalid` for a bad key and `Conflict` for one that opens an account already."""
    parsed = parse(text)
    row = {
        "id": new_key(),
        "account_id": account_id,
        "name": (name or parsed.comment or parsed.algorithm)[:MAX_NAME],
        "public_key": parsed.line,
        "fingerprint": parsed.fingerprint,
        "created_at": now(),
    }
    if by_fingerprint(tx, parsed.fingerprint) is not None:
        raise Conflict("This key is in use already.", hint="Remove it there, or make another one.")
    try:
        tx.execute(insert(ssh_keys).values(row))
    except IntegrityError as error:
        raise Conflict("This key is in use already.") from error
    _changed(tx, account_id, actor_id, str(row["id"]), "added")
    return _key(row)


def by_fingerprint(tx: Tx, fingerprint: str) -> SshKey | None:
    query = select(ssh_keys).where(ssh_keys.c.fingerprint == fingerprint)
    row = tx.execute(query).mappings().first()
    return None if row is None else _key(row)


def of_account(tx: Tx, account_id: str) -> list[SshKey]:
    """Oldest first."""
    query = select(ssh_keys).where(ssh_keys.c.account_id == account_id)
    return [_key(row) for row in tx.execute(query.order_by(ssh_keys.c.created_at)).mappings()]


def remove(tx: Tx, account_id: str, key_id: str, *, actor_id: str | None = None) -> bool:
    """False when the account has no such key."""
    mine = (ssh_keys.c.id == key_id, ssh_keys.c.account_id == account_id)
    if tx.execute(delete(ssh_keys).where(*mine)).rowcount == 0:
        return False
    _changed(tx, account_id, actor_id, key_id, "removed")
    return True


def touch(tx: Tx, key_id: str, at: datetime) -> None:
    """Note that it was used."""
    tx.execute(update(ssh_keys).where(ssh_keys.c.id == key_id).values(last_used_at=at))


def _changed(tx: Tx, account_id: str, actor_id: str | None, key_id: str, change: str) -> None:
    detail = {"account": account_id, "ssh_key": key_id, "change": change}
    events.append(tx, EventKind.ACCOUNT_CHANGED, actor_id=actor_id, **detail)


def _key(row: Mapping[Any, Any]) -> SshKey:
    return SshKey(
        id=row["id"],
        account_id=row["account_id"],
        name=row["name"],
        public_key=row["public_key"],
        fingerprint=row["fingerprint"],
        created_at=row["created_at"],
        last_used_at=row.get("last_used_at"),
    )
