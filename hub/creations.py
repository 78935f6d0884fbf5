"""Which processes are creating a Space right now: a lock that dies with them.

Creators share it; the janitor takes it alone, and so knows that a repository which no row names
then belongs to nobody.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LOCK = "creating.lock"


@contextmanager
def creating(data: Path) -> Iterator[None]:
    """Hold the lock together with other creators; blocks while the janitor looks."""
    descriptor = _open(data)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def nobody_creating(data: Path) -> Iterator[bool]:
    """True, and nobody begins to create while the block runs; false if somebody does right now."""
    descriptor = _open(data)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True
    finally:
        os.close(descriptor)


def _open(data: Path) -> int:
    data.mkdir(parents=True, exist_ok=True)
    return os.open(data / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
