"""Packet lines: git's framing, without I/O (gitprotocol-common(5), security contract GIT-17).

A packet is either data (`bytes`, at most 65,516 of them) or a `Marker`. `PktParser` is fed bytes as
they arrive; `pkt`, `text` and the side-band helpers give bytes to send.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import Enum

MAX_PACKET = 65520
"""The longest packet on the wire, its four length digits included."""

MAX_DATA = MAX_PACKET - 4
MAX_BAND = MAX_DATA - 1
"""How many bytes of a band's data fit one packet of side-band-64k."""

SMALL_BAND = 1000 - 5
"""The same for the old `side-band` capability."""

_HEX = frozenset(b"0123456789abcdefABCDEF")


class Marker(Enum):
    """The packets that carry no data."""

    FLUSH = b"0000"
    DELIM = b"0001"
    RESPONSE_END = b"0002"


FLUSH = Marker.FLUSH
DELIM = Marker.DELIM
RESPONSE_END = Marker.RESPONSE_END
FLUSH_PKT: bytes = Marker.FLUSH.value
DELIM_PKT: bytes = Marker.DELIM.value

Packet = bytes | Marker


class PktError(ValueError):
    """Raised for bytes that are no packet line; the parser is of no use afterwards."""


def pkt(data: bytes) -> bytes:
    """One data packet. Raises `PktError` above `MAX_DATA` bytes."""
    if len(data) > MAX_DATA:
        raise PktError(f"a packet holds at most {MAX_DATA} bytes, not {len(data)}")
    return b"%04x" % (len(data) + 4) + data


def line(data: bytes) -> bytes:
    """One data packet that ends in a newline, as git writes lines of text."""
    return pkt(data + b"\n")


def error(message: str) -> bytes:
    """The `ERR` packet that ends a conversation; git prints it as `fatal: remote error: …`."""
    return pkt(b"ERR " + clean(message).encode()[: MAX_DATA - 4])


def clean(message: str) -> str:
    """`message` with every control character but newline written as `\\xNN` (GIT-39)."""
    return "".join(
        char if char == "\n" or (char.isprintable() and char != "\x7f") else _escaped(char)
        for char in message
    )


def _escaped(char: str) -> str:
    return "".join(f"\\x{byte:02x}" for byte in char.encode("utf-8", "backslashreplace"))


class Band(Enum):
    """The three channels of side-band and side-band-64k."""

    DATA = 1
    PROGRESS = 2
    FATAL = 3


def band(channel: Band, data: bytes | memoryview, size: int = MAX_BAND) -> Iterator[bytes]:
    """Frame `data` for a band: pieces to send one after the other, none of them copied twice.

    Lengths and data alternate, so that a caller may join them or hand them to `writelines`.
    `size` is the most data bytes for each packet: `MAX_BAND`, or `SMALL_BAND` for old clients.
    """
    view = memoryview(data)
    for start in range(0, len(view), size):
        piece = view[start : start + size]
        yield b"%04x%c" % (len(piece) + 5, channel.value)
        yield bytes(piece)


def progress(message: str, size: int = MAX_BAND) -> bytes:
    """Text for a person, on the progress band (`remote: …`), with control characters escaped."""
    return b"".join(band(Band.PROGRESS, clean(message).encode(), size))


class PktParser:
    """Cuts a stream into packets.

    `delim` allows the delimiter packet (`0001`), which only requests of protocol v2 contain.
    `0002` is never sent by a client, `0003` never by anybody. After a packet of interest,
    `take_rest()` gives the bytes that follow it (the pack of a push).
    """

    def __init__(self, *, delim: bool = False) -> None:
        self._delim = delim
        self._buffer = bytearray()
        self._start = 0

    def feed(self, data: bytes) -> None:
        """Add bytes that have arrived."""
        if self._start:
            del self._buffer[: self._start]
            self._start = 0
        self._buffer += data

    def next(self) -> Packet | None:
        """The next whole packet, or None until more bytes come. Raises `PktError`."""
        buffer, start = self._buffer, self._start
        if len(buffer) - start < 4:
            self._check_digits(buffer[start:])
            return None
        length = self._length(bytes(buffer[start : start + 4]))
        if length < 4:
            self._start = start + 4
            return Marker.FLUSH if length == 0 else Marker.DELIM
        end = start + length
        if len(buffer) < end:
            return None
        self._start = end
        return bytes(buffer[start + 4 : end])

    def packets(self) -> Iterator[Packet]:
        """Every whole packet that is there now."""
        while (packet := self.next()) is not None:
            yield packet

    def take_rest(self) -> bytes:
        """Hand out, and forget, all bytes that have not been taken as packets."""
        rest = bytes(self._buffer[self._start :])
        self._buffer.clear()
        self._start = 0
        return rest

    def finish(self) -> None:
        """Raises `PktError` if the stream ended inside a packet."""
        if len(self._buffer) > self._start:
            raise PktError("the stream ended inside a packet line")

    def _length(self, digits: bytes) -> int:
        self._check_digits(digits)
        length = int(digits, 16)
        if length > MAX_PACKET or length in (2, 3) or (length == 1 and not self._delim):
            raise PktError(f"packet line length {digits.decode()} is not allowed here")
        return length

    @staticmethod
    def _check_digits(digits: Iterable[int]) -> None:
        if not _HEX.issuperset(digits):
            raise PktError("a packet line starts with exactly four hexadecimal digits")


def parse_all(data: bytes, *, delim: bool = False) -> list[Packet]:
    """Every packet of a complete message. Raises `PktError`, also for a cut-off end."""
    parser = PktParser(delim=delim)
    parser.feed(data)
    packets = list(parser.packets())
    parser.finish()
    return packets


def strip_newline(data: bytes) -> bytes:
    """A line of text without the newline that a sender may or may not have added."""
    return data[:-1] if data.endswith(b"\n") else data
