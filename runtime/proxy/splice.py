"""Move the rest of a large body inside the kernel: socket to pipe to socket, or file to socket.

Half of the CPU of reading and writing it (measured). The descriptors are duplicates, because an
event loop does not let two parties wait for one; the transports keep theirs. It works under asyncio
and uvloop alike, where `loop.sendfile` works only under the former.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import Callable

_PIPE = 1024 * 1024  # what one slow visitor can make the kernel hold
_SENDFILE_STEP = 512 * 1024  # bounds how long one call holds the loop

Progress = Callable[[int], None]
Done = Callable[[OSError | None], None]


class Splice:
    """`count` bytes from one socket to another; then `done(None)`, or `done(error)` at a break.

    The transports must not read (`source`) or have anything left to write (`sink`).
    `progress` hears how many bytes went out.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        source: int,
        sink: int,
        count: int,
        progress: Progress,
        done: Done,
    ) -> None:
        self._loop = loop
        self._left = count  # to be read
        self._piped = 0  # read and not written
        self._progress = progress
        self._done = done
        self._source = os.dup(source)
        self._sink = os.dup(sink)
        self._out, self._in = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._size = _grow(self._in)
        self._stopped = False
        loop.add_reader(self._source, self._read)

    def stop(self) -> None:
        """Let go of everything; `done` is not called."""
        if not self._stopped:
            self._stopped = True
            self._loop.remove_reader(self._source)
            self._loop.remove_writer(self._sink)
            for descriptor in (self._source, self._sink, self._out, self._in):
                os.close(descriptor)

    def _finish(self, error: OSError | None) -> None:
        self.stop()
        self._done(error)

    def _read(self) -> None:
        """The source has bytes: into the pipe with them, and straight on."""
        try:
            count = min(self._left, self._size)
            moved = os.splice(self._source, self._in, count, flags=os.SPLICE_F_NONBLOCK)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._finish(error)
            return
        if not moved:
            self._finish(ConnectionResetError("the body ended too early"))
            return
        self._left -= moved
        self._piped += moved
        if not self._empty_pipe():
            return
        if self._piped:  # the sink is full: read no more before it takes the rest
            self._loop.remove_reader(self._source)
            self._loop.add_writer(self._sink, self._write)
        elif not self._left:
            self._finish(None)

    def _write(self) -> None:
        """The sink takes more."""
        if not self._empty_pipe() or self._piped:
            return
        self._loop.remove_writer(self._sink)
        if self._left:
            self._loop.add_reader(self._source, self._read)
        else:
            self._finish(None)

    def _empty_pipe(self) -> bool:
        """Write what the pipe holds, as far as the sink takes it; False when that broke."""
        try:
            moved = os.splice(self._out, self._sink, self._piped, flags=os.SPLICE_F_NONBLOCK)
        except (BlockingIOError, InterruptedError):
            return True
        except OSError as error:
            self._finish(error)
            return False
        self._piped -= moved
        self._progress(moved)
        return True


class SendFile:
    """`count` bytes of an open file, from `offset`, to a socket; the file is closed at the end."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        file: int,
        sink: int,
        offset: int,
        count: int,
        progress: Progress,
        done: Done,
    ) -> None:
        self._loop = loop
        self._file = file
        self._sink = os.dup(sink)
        self._offset = offset
        self._left = count
        self._progress = progress
        self._done = done
        self._stopped = False
        loop.add_writer(self._sink, self._write)

    def stop(self) -> None:
        """Let go of everything; `done` is not called."""
        if not self._stopped:
            self._stopped = True
            self._loop.remove_writer(self._sink)
            os.close(self._sink)
            os.close(self._file)

    def _write(self) -> None:
        try:
            count = min(self._left, _SENDFILE_STEP)
            moved = os.sendfile(self._sink, self._file, self._offset, count)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._finish(error)
            return
        self._offset += moved
        self._left -= moved
        if moved:
            self._progress(moved)
        if not moved and self._left:
            self._finish(OSError("the file became shorter"))
        elif not self._left:
            self._finish(None)

    def _finish(self, error: OSError | None) -> None:
        self.stop()
        self._done(error)


def _grow(pipe: int) -> int:
    """Make a pipe large; returns the size that the kernel granted."""
    try:
        return fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE)
    except OSError:
        return 65536
