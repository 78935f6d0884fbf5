"""The name that git gives to a file's content."""

from __future__ import annotations

import hashlib


def blob_id(data: bytes) -> str:
    """SHA-1 over `blob <size>\\0<data>` (gitformat-objects), as 40 hex digits."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
