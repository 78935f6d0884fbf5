"""Named thread pools for code that blocks; never the event loop's default pool."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

SIZES = {
    "db": 4,
    "git": 8,
    "engine": 16,
    "dial": 64,
    "ssh": 64,
    "hash": 2,
    "files": 8,
    "large": 16,
    "xet": 2,
}
"""How many threads each pool may have. `dial` connects to apps, and never waits behind an engine
call that takes its time; `large` moves git-lfs objects, and never waits for a client; `xet`
finishes uploads, which takes as long as all their bytes."""


class Pools:
    """One for each process. Threads start when first needed."""

    def __init__(self, sizes: dict[str, int] | None = None) -> None:
        self._sizes = {**SIZES, **(sizes or {})}
        self._pools: dict[str, ThreadPoolExecutor] = {}

    def executor(self, name: str) -> ThreadPoolExecutor:
        if name not in self._pools:
            self._pools[name] = ThreadPoolExecutor(self._sizes[name], thread_name_prefix=name)
        return self._pools[name]

    async def run(
        self, name: str, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Run `function` on the pool `name` and await its answer."""
        context = contextvars.copy_context()
        call = functools.partial(context.run, functools.partial(function, *args, **kwargs))
        return await asyncio.get_running_loop().run_in_executor(self.executor(name), call)

    async def follow(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run what may block for days (a log stream, the wait for an end) on a thread of its own.

        The thread does not keep the process from ending, and outlives a cancelled awaiter until
        `function` returns.
        """
        loop = asyncio.get_running_loop()
        outcome: asyncio.Future[R] = loop.create_future()
        call = functools.partial(function, *args, **kwargs)

        def settle(value: R | None, error: BaseException | None) -> None:
            if outcome.done():
                return
            if error is None:
                outcome.set_result(value)  # type: ignore[arg-type]
            else:
                outcome.set_exception(error)

        def work() -> None:
            try:
                value, error = call(), None
            except BaseException as raised:
                value, error = None, raised
            with suppress(RuntimeError):  # the loop was closed meanwhile
                loop.call_soon_threadsafe(settle, value, error)

        context = contextvars.copy_context()
        name = f"follow-{getattr(function, '__name__', '')}"
        threading.Thread(target=context.run, args=(work,), name=name, daemon=True).start()
        return await outcome

    def close(self) -> None:
        """Let queued work go and return without waiting for what runs."""
        for pool in self._pools.values():
            pool.shutdown(wait=False, cancel_futures=True)
