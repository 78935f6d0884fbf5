"""Wait for a condition with a deadline; never for a time.

Deadlines are for a quiet machine and are stretched, so that a busy one (CI, many helpers of a
laptop) fails no test that would pass a moment later. A condition that comes true costs nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")
STRETCH = 4.0


def eventually(condition: Callable[[], T], timeout: float = 20.0, every: float = 0.02) -> T:
    """Return the first true value of `condition()`, or fail after `timeout` seconds."""
    deadline = time.monotonic() + timeout * STRETCH
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(
                f"not within {timeout * STRETCH} s: {condition}; last value {value!r}"
            )
        time.sleep(every)


async def aeventually(
    condition: Callable[[], Awaitable[T] | T], timeout: float = 20.0, every: float = 0.02
) -> T:
    """The same for coroutines and for plain functions inside a running loop."""
    deadline = time.monotonic() + timeout * STRETCH
    while True:
        value = condition()
        if isinstance(value, Awaitable):
            value = await value
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(
                f"not within {timeout * STRETCH} s: {condition}; last value {value!r}"
            )
        await asyncio.sleep(every)
