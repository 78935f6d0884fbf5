"""Hashes as the Xet protocol writes them: 32 bytes are four little-endian numbers (hub-api 8.3).

So the text is not that of the bytes in order. A file's SHA-256 is packed the same way in a shard,
and its text is then the usual one.
"""

from __future__ import annotations

import re
import struct

HASH_BYTES = 32
_NUMBERS = struct.Struct("<4Q")
_TEXT = re.compile(r"[0-9a-f]{64}")


def hash_text(raw: bytes) -> str:
    """64 lower-case hex digits for 32 bytes."""
    return "".join(f"{number:016x}" for number in _NUMBERS.unpack(raw))


def hash_bytes(text: str) -> bytes:
    """The inverse of `hash_text`. Raises `ValueError` for what is no hash."""
    if not is_hash(text):
        raise ValueError("a hash has 64 lower-case hexadecimal digits")
    return _NUMBERS.pack(*(int(text[at : at + 16], 16) for at in range(0, 64, 16)))


def is_hash(text: str) -> bool:
    """Whether `text` is one, and so safe as the name of a file."""
    return _TEXT.fullmatch(text) is not None
