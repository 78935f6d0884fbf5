"""Bodies that go past the transports: the visitor's side of `splice.py`."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from runtime.proxy.client import Mover
from runtime.proxy.local import LocalAnswer
from runtime.proxy.splice import Done, SendFile, Splice

if TYPE_CHECKING:
    from runtime.proxy.relay import Visitor
    from runtime.proxy.upstream import AppConnection


def splice_answer(visitor: Visitor, app: AppConnection, left: int) -> None:
    """Let the kernel move the `left` bytes that the app's answer still has."""
    app.pause_reading()
    loop = visitor.shared.loop

    def mover(done: Done) -> Mover:
        return Splice(loop, app.descriptor, visitor.descriptor, left, visitor.moved, done)

    def start() -> None:
        if visitor.app is app:
            _move(visitor, mover, app.spliced)

    visitor.when_flushed(start)


def reply_with_file(visitor: Visitor, answer: LocalAnswer, file: int, part: range) -> None:
    """Send `answer`, then the bytes `part` of the open `file`, which is closed in any case."""
    head = visitor.head
    close = visitor.closes_after_reply
    visitor.shared.metrics.answered(answer.status)
    visitor.answering = True
    if head is not None and head.method == b"HEAD":
        os.close(file)
        visitor.send(answer.encode(head_only=True, close=close, more=len(part)))
        visitor.finish(close=close)
        return
    visitor.send(answer.encode(close=close, more=len(part)))
    loop = visitor.shared.loop

    def mover(done: Done) -> Mover:
        sink = visitor.descriptor
        return SendFile(loop, file, sink, part.start, len(part), visitor.moved, done)

    def failed() -> None:
        os.close(file)

    def start() -> None:
        _move(visitor, mover, lambda: visitor.finish(close=close), failed)

    visitor.when_flushed(start, otherwise=failed)


def _move(
    visitor: Visitor,
    mover: Callable[[Done], Mover],
    then: Callable[[], None],
    not_begun: Callable[[], None] = lambda: None,
) -> None:
    def done(error: OSError | None) -> None:
        visitor.mover = None
        if error is None:
            then()
        else:
            visitor.cut()

    try:
        visitor.mover = mover(done)
    except OSError:  # closed meanwhile, or no descriptors are left
        not_begun()
        visitor.cut()
