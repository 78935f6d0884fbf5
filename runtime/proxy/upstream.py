"""One connection to one replica: sends a request's bytes, reads the answer strictly.

At most one request is on it at a time. Its visitor hears `answer_begins`, pieces of the body, and
then exactly one of `answer_ended`, `app_failed` (nothing was sent to the visitor yet) or `app_cut`.
"""

from __future__ import annotations

import asyncio
import select
from typing import TYPE_CHECKING, Final

from runtime.proxy.answer import AnswerHead, BadAnswer, read_answer
from runtime.proxy.bypass import splice_answer
from runtime.proxy.chunks import LAST_CHUNK, BadChunk, ChunkReader, chunk
from runtime.proxy.client import descriptor_of
from runtime.proxy.to_visitor import Body, framing
from runtime.proxy.tunnel import open_tunnel
from runtime.proxy.uploads import app_is_full, app_takes_more

if TYPE_CHECKING:
    from runtime.proxy.pool import Pool
    from runtime.proxy.relay import Visitor


# What the connection does now; plain integers, as they are compared for every piece of data.
_IDLE: Final = 0  # in the pool
_HEAD: Final = 1  # the answer's head is awaited
_COUNTED: Final = 2  # `_left` bytes of body to come
_CHUNKED: Final = 3
_UNTIL_CLOSE: Final = 4
_OVER: Final = 5  # closed, or not ours any more


class AppConnection(asyncio.Protocol):
    """The app's side of the relay."""

    __slots__ = (
        "_chunks",
        "_close",
        "_held",
        "_interims",
        "_left",
        "_limits",
        "_paused",
        "_phase",
        "_rechunk",
        "idle_since",
        "pool",
        "transport",
        "visitor",
        "writing_paused",
    )

    transport: asyncio.Transport

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.visitor: Visitor | None = None
        self.idle_since = 0.0
        self.writing_paused = False
        self._limits = pool.pools.settings.head
        self._phase = _IDLE
        self._held = b""
        self._left = 0
        self._interims = 0
        self._chunks: ChunkReader | None = None
        self._rechunk = False
        self._close = False
        self._paused = False

    # -- what the visitor calls ------------------------------------------------------------

    def begin(self, visitor: Visitor, head: bytes) -> None:
        """Send a request's head; its body follows by `transport.write`."""
        self.visitor = visitor
        self._phase = _HEAD
        self._interims = 0
        self.transport.write(head)

    def discard(self) -> None:
        """Close it; nobody is told."""
        self.visitor = None
        self._phase = _OVER
        self.transport.abort()

    def release(self) -> asyncio.Transport:
        """Give the transport away to a tunnel."""
        self.visitor = None
        self._phase = _OVER
        self.resume_reading()
        return self.transport

    def pause_reading(self) -> None:
        if not self._paused and not self.transport.is_closing():
            self._paused = True
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        if self._paused:
            self._paused = False
            if not self.transport.is_closing():
                self.transport.resume_reading()

    @property
    def descriptor(self) -> int:
        return descriptor_of(self.transport)

    def alive(self) -> bool:
        """Whether an idle connection is still open with nothing to read."""
        sock = self.transport.get_extra_info("socket")
        if sock is None or self.transport.is_closing():
            return False
        poll = select.poll()
        poll.register(sock.fileno(), select.POLLIN | select.POLLRDHUP)
        return not poll.poll(0)

    # -- what the event loop calls ---------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        phase = self._phase
        if phase == _HEAD:
            self._head(data)
        elif phase == _COUNTED:
            self._counted(data)
        elif phase == _CHUNKED:
            self._chunked(data)
        elif phase == _UNTIL_CLOSE:
            if self.visitor is not None:
                self.visitor.send(chunk(data) if self._rechunk else data)
        elif phase == _IDLE:
            self.pool.forget(self)  # it speaks unasked: nothing on it can be trusted
            self.discard()

    def connection_lost(self, exc: Exception | None) -> None:
        phase, visitor = self._phase, self.visitor
        self._phase = _OVER
        self.visitor = None
        if visitor is None:
            self.pool.forget(self)
        elif phase == _HEAD:
            visitor.app_failed(502)
        elif phase == _UNTIL_CLOSE and exc is None:
            if self._rechunk:
                visitor.send(LAST_CHUNK)
            visitor.answer_ended()
        else:
            visitor.app_cut()

    def pause_writing(self) -> None:
        self.writing_paused = True
        if self.visitor is not None:
            app_is_full(self.visitor)

    def resume_writing(self) -> None:
        self.writing_paused = False
        if self.visitor is not None:
            app_takes_more(self.visitor)

    # -- reading the answer ----------------------------------------------------------------

    def _head(self, data: bytes) -> None:
        while True:
            if self._held:
                data = self._held + data
                self._held = b""
            end = data.find(b"\r\n\r\n")
            if end < 0 or end > self._limits.answer_block:
                if end >= 0 or len(data) > self._limits.answer_block:
                    self._fail()
                else:
                    self._held = data
                return
            try:
                answer = read_answer(data[:end], self._limits)
            except BadAnswer:
                self._fail()
                return
            if answer.status >= 200:
                self._final(answer, data, end + 4)
                return
            data = data[end + 4 :]
            if not self._interim(answer, data) or not data:
                return

    def _interim(self, answer: AnswerHead, rest: bytes) -> bool:
        """Pass a 1xx on; False when this connection reads no further answers."""
        visitor = self.visitor
        self._interims += 1
        if visitor is None:
            return False
        if answer.status == 101:
            if not open_tunnel(visitor, answer, rest):
                self._fail()
            return False
        if self._interims > self._limits.interim:
            self._fail()
            return False
        visitor.answer_interim(answer)
        return True

    def _final(self, answer: AnswerHead, data: bytes, start: int) -> None:
        """The answer's head is read; its body begins at `start` of `data`."""
        visitor = self.visitor
        if visitor is None or visitor.head is None:
            self.discard()
            return
        request = visitor.head
        body, lines = framing(answer, request.method, request.minor)
        self._close = answer.close
        head = visitor.answer_begins(answer, body, lines)
        if body == Body.COUNTED:
            self._phase = _COUNTED
            self._left = answer.length
            if len(data) > start or not answer.length:
                self._counted(memoryview(data)[start:], head)
            else:
                visitor.send(head)
        elif body == Body.NONE:
            visitor.send(head)
            self._end(data[start:])
        else:
            visitor.send(head)
            self._streamed(answer, body, data[start:])

    def _streamed(self, answer: AnswerHead, body: int, data: bytes) -> None:
        self._rechunk = body == Body.CHUNKED
        if answer.chunked:
            self._phase = _CHUNKED
            self._chunks = ChunkReader()
        else:
            self._phase = _UNTIL_CLOSE
            self._close = True
        if data:
            self.data_received(data)

    def _counted(self, data: bytes | memoryview, head: bytes = b"") -> None:
        visitor = self.visitor
        if visitor is None:
            return
        left = self._left - len(data)
        if left > 0:
            self._left = left
            visitor.send(b"".join((head, data)) if head else data)
            if left >= visitor.splice_from:
                splice_answer(visitor, self, left)
        else:
            extra = data[self._left :]
            if extra:
                data = data[: self._left]
            visitor.send(b"".join((head, data)) if head else data)
            self._end(bytes(extra))

    def _chunked(self, data: bytes) -> None:
        visitor, reader = self.visitor, self._chunks
        if visitor is None or reader is None:
            return
        try:
            pieces = reader.feed(data)
        except BadChunk:
            self.discard()
            visitor.app_cut()
            return
        if self._rechunk:
            out = b"".join([chunk(piece) for piece in pieces])
            if reader.done:
                out += LAST_CHUNK
        else:
            out = b"".join(pieces)
        if out:
            visitor.send(out)
        if reader.done:
            self._end(reader.rest)

    def spliced(self) -> None:
        """The rest of a counted body went by inside the kernel."""
        self._left = 0
        self._end(b"")

    def _end(self, extra: bytes) -> None:
        """The answer is complete; `extra` is what the app sent beyond it, which spoils it."""
        visitor = self.visitor
        if visitor is None:
            return
        self.visitor = None
        self._phase = _IDLE
        self._chunks = None
        self.resume_reading()
        if extra or self._close or self.writing_paused or not visitor.request_sent:
            self.discard()
        else:
            self.pool.give_back(self)
        visitor.answer_ended()

    def _fail(self) -> None:
        visitor = self.visitor
        self.discard()
        if visitor is not None:
            visitor.app_failed(502)
