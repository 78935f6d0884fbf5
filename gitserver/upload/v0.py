"""Protocol v0 and v1 requests as a state machine that is fed bytes (gitprotocol-pack(5)).

The machine reads; what to answer to the haves depends on the objects, so `Acknowledger` turns the
known ones into the `ACK` and `NAK` lines that the client's mode expects.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from gitserver import pktline
from gitserver.pktline import FLUSH, MAX_BAND, SMALL_BAND, PktError, PktParser
from gitserver.upload.request import FetchRequest, ProtocolError, text_of
from gitserver.upload.rules import UploadRules

_MODES = {"multi_ack": 1, "multi_ack_detailed": 2}
_FLAGS = {
    "thin-pack": "thin",
    "ofs-delta": "ofs_delta",
    "include-tag": "include_tag",
    "no-progress": "no_progress",
    "deepen-relative": "relative",
}
_BANDS = {"side-band": SMALL_BAND, "side-band-64k": MAX_BAND}
_IGNORED = frozenset(
    "shallow deepen-since deepen-not filter allow-tip-sha1-in-want "
    "allow-reachable-sha1-in-want object-format=sha1".split()
)


class Step(Enum):
    """What a client has come to the end of."""

    WANTS = "wants"
    """All wants (and shallow lines) are known; shallow answers are due."""

    ROUND = "round"
    """One round of haves; acknowledgements are due."""

    DONE = "done"
    """The client has heard enough; the pack is due."""


@dataclass
class Options:
    """How the answer is framed. `mode`: 0 single ack, 1 multi_ack, 2 multi_ack_detailed."""

    mode: int = 0
    no_done: bool = False
    band: int = 0
    """Data bytes for each side-band packet; 0 means no side-band: the raw pack."""


class V0Machine:
    """Turns bytes into steps; `request` and `options` are what was read so far."""

    def __init__(self, rules: UploadRules) -> None:
        self._rules = rules
        self._parser = PktParser()
        self._fed = 0
        self.request = FetchRequest()
        self.options = Options()
        self.wants_read = False
        self.ended = False
        """True once the client has said that it wants nothing, or that it is done."""

        self._round: list[str] = []

    def feed(self, data: bytes) -> list[tuple[Step, tuple[str, ...]]]:
        """Take bytes; give the steps they complete, each with its new haves.

        Raises `ProtocolError`.
        """
        self._fed += len(data)
        limit = self._rules.limits.request_bytes
        if self._fed > limit:
            raise ProtocolError(f"the request is larger than {limit} bytes")
        self._parser.feed(data)
        steps = []
        try:
            for packet in self._parser.packets():
                step = self._flush() if packet is FLUSH else self._line(packet)
                if step is not None:
                    steps.append((step, tuple(self._round)))
                    self._round = []
        except PktError as error:
            raise ProtocolError(str(error)) from error
        return steps

    def finish(self) -> None:
        """Raises `ProtocolError` if the stream ended where it must not."""
        try:
            self._parser.finish()
        except PktError as error:
            raise ProtocolError(str(error)) from error
        if self.request.wants and not self.wants_read:
            raise ProtocolError("the request ended before its flush packet")

    def _flush(self) -> Step | None:
        if self.wants_read:
            return Step.ROUND
        self.wants_read = True
        if not self.request.wants:
            self.ended = True
            return None
        self.request.check()
        return Step.WANTS

    def _line(self, packet: pktline.Packet) -> Step | None:
        if not isinstance(packet, bytes) or self.ended:
            raise ProtocolError("unexpected packet")
        line = text_of(packet)
        if not self.wants_read:
            if line.startswith("want ") and not self.request.wants:
                line = self._first_want(line)
            if line.startswith("have ") or not self.request.add_line(line, self._rules):
                raise ProtocolError(f"protocol error, expected to get object ID, not {line!r}")
            return None
        if line == "done":
            self.request.done = self.ended = True
            return Step.DONE
        if not line.startswith("have ") or not self.request.add_line(line, self._rules):
            raise ProtocolError(f"expected SHA1 list, got {line!r}")
        self._round.append(self.request.haves[-1])
        return None

    def _first_want(self, line: str) -> str:
        """The first want carries the capabilities that the client chose."""
        # git separates them with a space, some clients with a NUL as in the advertisement.
        for name in line[45:].replace("\0", " ").split():
            if name in _MODES:
                self.options.mode = max(self.options.mode, _MODES[name])
            elif name in _FLAGS:
                setattr(self.request, _FLAGS[name], True)
            elif name in _BANDS:
                self.options.band = max(self.options.band, _BANDS[name])
            elif name == "no-done":
                self.options.no_done = True
            elif name.startswith("object-format="):
                if name != "object-format=sha1":
                    raise ProtocolError("mismatched object format: the server has sha1")
            elif name in _IGNORED or name.startswith(("agent=", "session-id=")):
                continue
            # git passes over what it does not know here, and so do we
        return line[:45]


@dataclass
class Acknowledger:
    """The `ACK` and `NAK` lines of one conversation."""

    options: Options
    common: int = 0
    last: str = ""
    ready: bool = False

    def round(self, known: list[str], *, ready: bool) -> bytes:
        """The answer to a round of haves, of which `known` exist here.

        `ready`: what is known suffices to make the pack.
        """
        parts = []
        for oid in known:
            self.last = oid
            self.common += 1
            if self.options.mode == 2:
                parts.append(_line(f"ACK {oid} common"))
            elif self.options.mode == 1:
                parts.append(_line(f"ACK {oid} continue"))
            elif self.common == 1:
                parts.append(_line(f"ACK {oid}"))
        if ready and self.last and self.options.mode == 2:
            self.ready = True
            parts.append(_line(f"ACK {self.last} ready"))
        if not self.common or self.options.mode:
            parts.append(_line("NAK"))
        if self.pack_follows:
            parts.append(_line(f"ACK {self.last}"))
        return b"".join(parts)

    def done(self, known: list[str]) -> bytes:
        """The answer to `done`, `known` being the haves that came right before it."""
        parts = self.round(known, ready=False).removesuffix(_line("NAK")) if known else b""
        if not self.common:
            return parts + _line("NAK")
        return parts + (_line(f"ACK {self.last}") if self.options.mode else b"")

    @property
    def pack_follows(self) -> bool:
        """With `no-done` the server goes on to the pack as soon as it is ready."""
        return self.ready and self.options.no_done


def _line(text: str) -> bytes:
    return pktline.line(text.encode())
