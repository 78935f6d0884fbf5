"""A new sealing key, while everything runs; a rotation that was cut short is taken up again.

The steps: (1) one transaction makes a new key file and names it in the ledger, (2) secrets are
sealed anew, a few in each transaction, (3) keys that seal nothing any more are removed. Readers
open with either key meanwhile. Each step may be repeated (KEY-04).
"""

from __future__ import annotations

from dataclasses import dataclass

from spaceport.failpoints import failpoint
from spaceport.ledger import secrets
from spaceport.ledger.database import Ledger
from spaceport.ledger.keyring import adopt, in_step, reseal_facts
from spaceport.sealing import Keyring, write_new_key


@dataclass(frozen=True)
class Rotated:
    """What a rotation did; `removed` are the ids of keys that open nothing any more."""

    key: str
    secrets: int
    removed: tuple[str, ...]


def rotate(ledger: Ledger, keyring: Keyring) -> Rotated:
    """Seal everything with a new key and remove the old one."""
    finish(ledger, keyring)
    with ledger.write() as tx:
        in_step(tx, keyring, "alone")
        name = write_new_key(keyring.folder)
        failpoint("rotation:after-key-file")
        before = keyring.current
        keyring.use(name)
        try:
            adopt(tx, keyring)
            reseal_facts(tx, keyring)
        except BaseException:
            keyring.use(before)
            raise
    failpoint("rotation:after-new-key")
    return finish(ledger, keyring)


def finish(ledger: Ledger, keyring: Keyring) -> Rotated:
    """Bring a rotation to its end; does nothing when there is none under way."""
    resealed = 0
    while True:
        with ledger.write() as tx:
            in_step(tx, keyring)
            batch = secrets.reseal_some(tx, keyring)
        failpoint("rotation:between-secrets")
        resealed += batch
        if not batch:
            break
    removed = []
    with ledger.write() as tx:
        # Alone with the key's name: nobody else is between making a key and naming it.
        in_step(tx, keyring, "alone")
        for name in sorted(keyring.ids_on_disk() - {keyring.current} - secrets.keys_in_use(tx)):
            keyring.forget(name)
            removed.append(name)
    return Rotated(keyring.current, resealed, tuple(removed))
