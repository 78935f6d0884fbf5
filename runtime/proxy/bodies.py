"""A request's body on its way to the app, framed anew (PX-06)."""

from __future__ import annotations

from runtime.proxy.chunks import LAST_CHUNK, BadChunk, ChunkReader, chunk
from runtime.proxy.head import RequestHead


class BadBody(Exception):
    """Raised when the client's chunks are malformed."""


class RequestBody:
    """Feed the client's bytes, get the app's. After `done`, `rest` is what came behind."""

    __slots__ = ("_chunks", "_clock", "_left", "_since", "done", "passed", "rest")

    def __init__(self, head: RequestHead) -> None:
        self._chunks = ChunkReader() if head.fields.chunked else None
        self._left = max(head.fields.length, 0)
        self.done = not head.fields.has_body
        self.rest = b""
        self.passed = 0  # bytes of the body so far
        self._clock = 0.0
        self._since = 0

    def feed(self, data: bytes) -> bytes:
        """Raises `BadBody`."""
        if self._chunks is not None:
            return self._feed_chunks(self._chunks, data)
        if len(data) > self._left:
            self.rest = data[self._left :]
            data = data[: self._left]
        self._left -= len(data)
        self.passed += len(data)
        self.done = not self._left
        return data

    def _feed_chunks(self, reader: ChunkReader, data: bytes) -> bytes:
        try:
            pieces = reader.feed(data)
        except BadChunk as bad:
            raise BadBody(str(bad)) from None
        self.passed += sum(len(piece) for piece in pieces)
        out = b"".join([chunk(piece) for piece in pieces])
        if reader.done:
            self.done, self.rest = True, reader.rest
            out += LAST_CHUNK
        return out

    @property
    def left(self) -> int:
        """How many bytes are still to come, where that is known; else 0."""
        return self._left

    def skip(self, count: int) -> None:
        """`count` bytes went by inside the kernel."""
        self._left -= count
        self.passed += count
        self.done = not self._left

    def restart_clock(self, now: float) -> None:
        """Start to measure the client's pace: it may send now."""
        self._clock, self._since = now, self.passed

    def too_slow(self, now: float, rate: int, after: float) -> bool:
        """Whether it sent less than `rate` bytes a second, once `after` seconds have passed."""
        spent = now - self._clock
        return spent > after and self.passed - self._since < rate * spent
