"""BuildKit's progress messages, as far as a log needs them.

They are protobuf (`moby.buildkit.v1.StatusResponse`): vertexes = 1 {digest = 1, name = 3,
cached = 4, started = 5, completed = 6, error = 7} and logs = 3 {vertex = 1, msg = 4}.
"""

from __future__ import annotations

from collections.abc import Iterator

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


class Trace:
    """Turns messages into lines like those of `--progress=plain`; remembers which step is which."""

    def __init__(self) -> None:
        self._numbers: dict[bytes, int] = {}
        self._told: set[tuple[bytes, str]] = set()
        self._rests: dict[bytes, str] = {}

    def lines(self, message: bytes) -> Iterator[str]:
        for number, value in fields(message):
            if number == 1 and isinstance(value, bytes):
                yield from self._vertex(dict(fields(value)))
            elif number == 3 and isinstance(value, bytes):
                yield from self._log(dict(fields(value)))

    def _vertex(self, vertex: dict[int, int | bytes]) -> Iterator[str]:
        digest = _bytes(vertex, 1)
        number = self._numbers.setdefault(digest, len(self._numbers) + 1)
        if (5 in vertex or 4 in vertex) and self._first(digest, "name"):
            yield f"#{number} {_text(vertex, 3)}"
        if 7 in vertex and self._first(digest, "error"):
            yield f"#{number} ERROR: {_text(vertex, 7)}"
        elif vertex.get(4) and self._first(digest, "end"):
            yield f"#{number} CACHED"
        elif 6 in vertex and self._first(digest, "end"):
            yield f"#{number} DONE"

    def _first(self, digest: bytes, what: str) -> bool:
        known = (digest, what) in self._told
        self._told.add((digest, what))
        return not known

    def _log(self, log: dict[int, int | bytes]) -> Iterator[str]:
        digest = _bytes(log, 1)
        *whole, rest = (self._rests.get(digest, "") + _text(log, 4)).split("\n")
        self._rests[digest] = rest
        number = self._numbers.setdefault(digest, len(self._numbers) + 1)
        for line in whole:
            yield f"#{number} {line}"


def fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """(number, value) of each field. A message that ends early ends the list."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        number, kind = key >> 3, key & 7
        value: int | bytes
        if kind == _VARINT:
            value, at = _varint(message, at)
        elif kind == _BYTES:
            size, at = _varint(message, at)
            value, at = message[at : at + size], at + size
        elif kind in (_FIXED64, _FIXED32):
            size = 8 if kind == _FIXED64 else 4
            value, at = message[at : at + size], at + size
        else:
            return
        yield number, value


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(message):
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            break
    return value, at


def _bytes(found: dict[int, int | bytes], number: int) -> bytes:
    value = found.get(number, b"")
    return value if isinstance(value, bytes) else b""


def _text(found: dict[int, int | bytes], number: int) -> str:
    return _bytes(found, number).decode("utf-8", errors="replace")
