"""Writing a pack to disk as it arrives, hashing it, and knowing where it ends.

A pack's last 20 bytes are the SHA-1 of all before. Comparing them after each piece costs next to
nothing and tells the end of the pack also on a connection that stays open (SSH).
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

_TRAILER = 20


class PackTooLarge(Exception):
    """Raised when more bytes came than a push may bring."""


class Spool:
    """The file that a pack goes to. Blocking; used on pool "git"."""

    def __init__(self, path: Path, limit: int) -> None:
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        self.limit = limit
        self._hash = hashlib.sha1(usedforsecurity=False)
        self._tail = b""
        self.size = 0

    @property
    def complete(self) -> bool:
        """Whether what has come is a whole pack, by its own trailer."""
        return len(self._tail) == _TRAILER and self._hash.digest() == self._tail

    def write(self, data: bytes) -> None:
        """Raises `PackTooLarge`, or `OSError` (a full disk)."""
        self.size += len(data)
        if self.size > self.limit:
            raise PackTooLarge
        view = memoryview(data)
        while view:
            view = view[os.write(self._fd, view) :]
        seen = self._tail + data
        self._hash.update(seen[:-_TRAILER] if len(seen) > _TRAILER else b"")
        self._tail = seen[-_TRAILER:]

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
