"""Passwords: Argon2id in PHC form, the same work for known and unknown users (API-04, API-24).

All calls burn CPU and memory on purpose: run them on the pool `hash`, whose size limits how many
run at once.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from spaceport.errors import Invalid

SHORTEST, LONGEST = 8, 1024  # bytes
MEMORY_KIB, ITERATIONS, LANES = 64 * 1024, 2, 1
_LENGTH, _SALT = 32, 16
_PARAMETERS = f"$argon2id$v=19$m={MEMORY_KIB},t={ITERATIONS},p={LANES}$"


@dataclass(frozen=True)
class Verdict:
    """`stale`: right, but hashed with weaker parameters than today's; hash it again now."""

    right: bool
    stale: bool = False


def check_password(password: str) -> str:
    """Return `password`, or raise `Invalid` naming the rule that it breaks."""
    length = len(password.encode())
    if not SHORTEST <= length <= LONGEST:
        raise Invalid(f"A password has {SHORTEST} to {LONGEST} bytes, this one has {length}.")
    return password


def hash_password(password: str) -> str:
    """A PHC string with a fresh salt. Raises `Invalid` for one that is too short or too long."""
    derivation = Argon2id(
        salt=os.urandom(_SALT),
        length=_LENGTH,
        iterations=ITERATIONS,
        lanes=LANES,
        memory_cost=MEMORY_KIB,
    )
    return derivation.derive_phc_encoded(check_password(password).encode())


def verify_password(password: str, stored: str | None) -> Verdict:
    """`stored` is None for an account that does not exist or has no password: never right, but it
    costs the same."""
    given = password.encode()
    known = stored is not None and len(given) <= LONGEST
    try:
        Argon2id.verify_phc_encoded(given[:LONGEST], stored if known and stored else _nobody())
    except (InvalidKey, ValueError):
        return Verdict(False)
    return Verdict(known, stale=known and not (stored or "").startswith(_PARAMETERS))


@cache
def _nobody() -> str:
    """The hash of a password that nobody knows."""
    return hash_password(os.urandom(32).hex())
