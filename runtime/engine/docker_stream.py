"""Streams of Docker's API: frames of output, stamped lines, and an end from another thread."""

from __future__ import annotations

import contextlib
import json
import socket
import struct
from collections.abc import Iterable, Iterator
from typing import Any

import requests

from runtime.engine.text_lines import LONGEST_LINE, decoded
from spaceport.engine import LogLine

_HEADER = struct.Struct(">BxxxL")


class Stream:
    """A response of the engine that goes on for as long as the container does."""

    def __init__(self, response: requests.Response) -> None:
        self._response = response

    def read(self, count: int) -> bytes:
        """Exactly `count` bytes, or fewer at the end."""
        parts = []
        while count > 0:
            part = self._response.raw.read(count)
            if not part:
                break
            parts.append(part)
            count -= len(part)
        return b"".join(parts)

    def objects(self) -> Iterator[dict[str, Any]]:
        """One JSON object a line, as they come."""
        for line in self._response.iter_lines(chunk_size=1):
            if line:
                yield json.loads(line)

    def close(self) -> None:
        """End the stream, also while another thread waits in `read`."""
        with contextlib.suppress(OSError, AttributeError, ValueError):
            _socket_of(self._response).shutdown(socket.SHUT_RDWR)
        with contextlib.suppress(OSError, ValueError):
            self._response.close()


def _socket_of(response: requests.Response) -> socket.socket:
    """http.client keeps it below two layers of buffers."""
    raw: Any = response.raw
    below = raw._fp.fp.raw
    found: socket.socket = getattr(below, "_sock", below)
    return found


def frames(stream: Stream) -> Iterator[tuple[int, bytes]]:
    """(1 stdout or 2 stderr, payload) of Docker's multiplexed format, to its end."""
    while True:
        header = stream.read(_HEADER.size)
        if len(header) < _HEADER.size:
            return
        kind, size = _HEADER.unpack(header)
        yield kind, stream.read(size)


def lines(found: Iterable[tuple[int, bytes]]) -> Iterator[str]:
    """Whole lines of both streams in order of their ends; very long ones are cut in parts."""
    waiting: dict[int, bytes] = {}
    for kind, payload in found:
        text = waiting.pop(kind, b"") + payload
        *whole, rest = text.split(b"\n")
        for line in whole:
            yield decoded(line)
        while len(rest) > LONGEST_LINE:
            yield decoded(rest[:LONGEST_LINE])
            rest = rest[LONGEST_LINE:]
        if rest:
            waiting[kind] = rest
    for rest in waiting.values():
        yield decoded(rest)


def stamped_lines(found: Iterable[tuple[int, bytes]]) -> Iterator[LogLine]:
    """The same for output with time stamps, one frame for one entry of the engine's log.

    The engine cuts lines after 16 KiB and stamps each part; a line has the stamp of its last part.
    """
    waiting: dict[int, LogLine] = {}
    for kind, payload in found:
        stamp, _, part = payload.partition(b" ")
        begun = waiting.pop(kind, None)
        text = (begun.text if begun else "") + part.decode("utf-8", errors="replace")
        line = LogLine(stamp.decode("ascii", errors="replace"), text)
        if text.endswith("\n") or len(text) > LONGEST_LINE:
            yield _without_end(line)
        else:
            waiting[kind] = line
    for line in waiting.values():
        yield _without_end(line)


def _without_end(line: LogLine) -> LogLine:
    return LogLine(line.stamp, line.text.removesuffix("\n").removesuffix("\r"))
