"""Follow something that prints: its lines live, to its end, within a time and until cancelled."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterable

from spaceport.engine import Cancelled, Output

_ASK_EVERY = 0.2
_WAITING_LINES = 1000


class Pump:
    """Reads `lines` in a thread of its own, so that a silent source can still be left.

    At most 1,000 lines wait to be taken; then whatever prints waits too, and memory stays flat.
    `close` must make an iteration that waits end.
    """

    def __init__(self, lines: Iterable[str], close: Callable[[], None]) -> None:
        self._source = lines
        self._close = close
        self._lines: queue.Queue[str | None] = queue.Queue(_WAITING_LINES)
        self._left = threading.Event()
        self._thread = threading.Thread(target=self._pump, name="live-output", daemon=True)
        self._thread.start()

    def _pump(self) -> None:
        try:
            for line in self._source:
                if not self._put(line):
                    return
        except Exception as error:
            # Whatever read the source may raise anything once it is closed under it. If it was
            # not, the output is short, and the person who reads it must know.
            if not self._left.is_set():
                self._put(f"[the output ends early: {error}]")
        finally:
            self._put(None)

    def _put(self, line: str | None) -> bool:
        while not self._left.is_set():
            try:
                self._lines.put(line, timeout=_ASK_EVERY)
            except queue.Full:
                continue
            return True
        return False

    def take(self, seconds: float) -> str | None:
        """The next line, or None when none came in time. Raises `EOFError` after the last."""
        try:
            line = self._lines.get(timeout=seconds)
        except queue.Empty:
            return None
        if line is None:
            raise EOFError
        return line

    def close(self) -> None:
        self._left.set()
        self._close()
        self._thread.join(5)


def follow(pump: Pump, output: Output, timeout: float, cancelled: Cancelled) -> None:
    """Hand on every line to the end of the output.

    Raises `TimeoutError` and `InterruptedError` as `Engine.run` does.
    """
    deadline = time.monotonic() + timeout
    asked = 0.0
    while True:
        now = time.monotonic()
        if now >= deadline:
            raise TimeoutError(f"not done after {timeout:g} seconds")
        if now - asked >= _ASK_EVERY:
            asked = now
            if cancelled():
                raise InterruptedError("cancelled")
        try:
            line = pump.take(min(_ASK_EVERY, deadline - now))
        except EOFError:
            return
        if line is not None:
            output(line)


class LastLines:
    """An `Output` that hands on, and remembers the last few lines that were not empty."""

    def __init__(self, output: Output, count: int = 20) -> None:
        self._output = output
        self._count = count
        self.lines: list[str] = []

    def __call__(self, line: str) -> None:
        if line.strip():
            self.lines = [*self.lines[1 - self._count :], line]
        self._output(line)

    @property
    def last(self) -> str:
        return self.lines[-1] if self.lines else ""
