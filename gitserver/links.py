"""Sharing the bytes of a file instead of copying them, where the file system can (FICLONE)."""

from __future__ import annotations

import fcntl

_FICLONE = 0x40049409


def reflink(source: int, target: int) -> bool:
    """Let the open file `target` share all bytes of `source`; false if that cannot be done."""
    try:
        fcntl.ioctl(target, _FICLONE, source)
    except OSError:
        return False
    return True
