"""Bearer secrets that we only recognise: random, handed out once, kept as their SHA-256.

A slow hash is for what people choose; 160 random bits or more need none.
"""

from __future__ import annotations

import hashlib
import secrets

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


def digest(text: str) -> str:
    """64 hex digits."""
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()


def random_text(length: int) -> str:
    """Letters and digits; 5.95 random bits each."""
    return "".join(secrets.choice(ALPHABET) for _ in range(length))
