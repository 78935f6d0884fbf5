"""Decode and encode the chunked transfer coding (RFC 9112 7.1), strictly and incrementally.

Extensions and trailers are read within bounds and dropped (PX-06); what is passed on is framed
anew by `chunk` and `LAST_CHUNK`.
"""

from __future__ import annotations

import re

LAST_CHUNK = b"0\r\n\r\n"
_SIZE_LINE = re.compile(rb"([0-9A-Fa-f]{1,15})(?:[ \t]*;[\t\x20-\x7e\x80-\xff]*)?")
_TRAILER = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t\x20-\x7e\x80-\xff]*")
_MAX_LINE = 1024  # a size line with its extensions
_MAX_TRAILERS = 8 * 1024


class BadChunk(Exception):
    """Raised for anything that is not exactly a chunked body."""


def chunk(data: bytes) -> bytes:
    """`data`, which is not empty, as one chunk."""
    return b"%x\r\n%b\r\n" % (len(data), data)


class ChunkReader:
    """Feed bytes, get the body's bytes. Holds back only an incomplete line.

    After `done`, `rest` is what came behind the body: the next message.
    """

    __slots__ = ("_held", "_left", "_trailers", "done", "rest")

    def __init__(self) -> None:
        self._left = 0  # of the current chunk and the line end behind it
        self._held = b""
        self._trailers = -1  # bytes of trailers so far; -1: not there yet
        self.done = False
        self.rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        """The pieces of the body in `data`. Raises `BadChunk`."""
        if self._held:
            data = self._held + data
            self._held = b""
        pieces: list[bytes] = []
        position, size = 0, len(data)
        while position < size and not self.done:
            if self._left > 2:
                taken = data[position : position + self._left - 2]
                pieces.append(taken)
                self._left -= len(taken)
                position += len(taken)
            elif self._left:
                position = self._line_end(data, position)
            else:
                position = self._line(data, position)
        if self.done:
            self.rest = data[position:]
        return pieces

    def _line_end(self, data: bytes, position: int) -> int:
        """The CRLF behind a chunk; it may be cut in two."""
        found = data[position : position + self._left]
        if found != b"\r\n"[2 - self._left :][: len(found)]:
            raise BadChunk("a chunk is longer than its size")
        self._left -= len(found)
        return position + len(found)

    def _line(self, data: bytes, position: int) -> int:
        """A size line or a trailer; returns where it ends, or holds back what is incomplete."""
        end = data.find(b"\r\n", position, position + _MAX_LINE + 2)
        if end < 0:
            self._held = data[position:]
            if len(self._held) > _MAX_LINE or b"\n" in self._held:
                raise BadChunk("a line is too long or ends without CR")
            return len(data)
        line = data[position:end]
        if self._trailers < 0:
            self._size(line)
        else:
            self._trailer(line)
        return end + 2

    def _size(self, line: bytes) -> None:
        match = _SIZE_LINE.fullmatch(line)
        if match is None:
            raise BadChunk("malformed chunk size")
        length = int(match[1], 16)
        if length:
            self._left = length + 2
        else:
            self._trailers = 0

    def _trailer(self, line: bytes) -> None:
        if not line:
            self.done = True
            return
        self._trailers += len(line)
        if self._trailers > _MAX_TRAILERS or not _TRAILER.fullmatch(line):
            raise BadChunk("malformed or endless trailers")
