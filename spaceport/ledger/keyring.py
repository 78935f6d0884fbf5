"""The keyring of a ledger: opened with a check, and kept in step with a rotation elsewhere.

The fact `sealing.key` names the key that seals. Whoever seals reads it in the same transaction, so
that a server never seals with a key that a command has just rotated away.
"""

from __future__ import annotations

import base64
import os
from pathlib import Path

from spaceport.errors import Misconfigured
from spaceport.ledger import facts
from spaceport.ledger.database import Ledger, Tx
from spaceport.sealing import Keyring, Place, Unsealable, write_new_key

CURRENT = "sealing.key"
CHECK = "sealing.check"
SEALED_PREFIX = "sealed."
_CHECKED = b"this ledger and this key belong together"


def open_keyring(ledger: Ledger, folder: Path) -> Keyring:
    """Open the keys in `folder`; at the very first start make one.

    Raises `Misconfigured` when the ledger was sealed with a key that is missing, damaged, foreign
    or readable by others. Nothing is made anew then (KEY-02).
    """
    with ledger.write() as tx:
        current = facts.get(tx, CURRENT)
        keyring = Keyring.load(folder, current)
        if keyring is None:
            write_new_key(folder)
            keyring = Keyring.load(folder)
        if keyring is None:
            raise Misconfigured(f"The folder {folder} does not keep the key written to it.")
        if current is None:
            adopt(tx, keyring)
        else:
            _check(tx, keyring)
    return keyring


def adopt(tx: Tx, keyring: Keyring) -> None:
    """Note the keyring's current key as the one of this ledger."""
    facts.put(tx, CURRENT, keyring.current)
    facts.put(tx, CHECK, _text(keyring.seal(_CHECKED, _place(CHECK))))


def in_step(tx: Tx, keyring: Keyring, hold: facts.Hold = "shared") -> Keyring:
    """The keyring, sealing with the key that the ledger names now and until `tx` ends."""
    current = facts.get(tx, CURRENT, hold=hold)
    if current is not None and current != keyring.current:
        keyring.use(current)
    return keyring


def sealed_fact(tx: Tx, keyring: Keyring, name: str, size: int = 32) -> bytes:
    """Random bytes of the installation, made once and kept sealed: keys that sign something.

    `tx` must be a writing one.
    """
    fact = SEALED_PREFIX + name
    stored = facts.get(tx, fact)
    if stored is not None:
        return keyring.open(base64.b64decode(stored), _place(fact))
    made = os.urandom(size)
    facts.put(tx, fact, _text(in_step(tx, keyring).seal(made, _place(fact))))
    return made


def reseal_facts(tx: Tx, keyring: Keyring) -> int:
    """Seal every sealed fact with the present key; return how many."""
    stored = facts.named(tx, SEALED_PREFIX)
    for name, value in stored.items():
        plain = keyring.open(base64.b64decode(value), _place(name))
        facts.put(tx, name, _text(keyring.seal(plain, _place(name))))
    return len(stored)


def _check(tx: Tx, keyring: Keyring) -> None:
    stored = facts.get(tx, CHECK) or ""
    try:
        right = keyring.open(base64.b64decode(stored), _place(CHECK)) == _CHECKED
    except (Unsealable, ValueError):
        right = False
    if not right:
        raise Misconfigured(
            f"The sealing key in {keyring.folder} is not the one of this ledger.",
            hint="Put the key file back that belongs to this data. Nothing was changed.",
        )


def _place(name: str) -> Place:
    return Place("facts", "installation", name)


def _text(sealed: bytes) -> str:
    return base64.b64encode(sealed).decode()
