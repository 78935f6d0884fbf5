"""How long visitors wait for the first byte of an answer.

For the installation one request in sixteen is counted; for each Space besides these the first one
of every second, so that a quiet Space has figures and a busy one costs nothing.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper bounds of the buckets, in seconds; one more bucket is for what takes longer."""
ONE_IN = 16


class Latency:
    """A histogram. `counts` are per bucket, not cumulative."""

    __slots__ = ("counts", "total")

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS) + 1)
        self.total = 0.0  # seconds

    def observe(self, seconds: float) -> None:
        self.counts[bisect_left(BOUNDS, seconds)] += 1
        self.total += seconds


def quantile(counts: Sequence[int], share: float) -> float | None:
    """Seconds that `share` (0 to 1) of the answers did not exceed, estimated within their bucket.

    None without answers; what took longer than the last bound counts as that bound.
    """
    wanted, passed, lower = sum(counts) * share, 0, 0.0
    if not wanted:
        return None
    for count, upper in zip(counts, (*BOUNDS, BOUNDS[-1]), strict=True):
        if count and passed + count >= wanted:
            return lower + (upper - lower) * (wanted - passed) / count
        passed, lower = passed + count, upper
    return BOUNDS[-1]
