"""What a client sends to receive-pack, as a state machine without I/O (gitprotocol-pack(5)).

commands, flush [, push options, flush] [, pack]
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from enum import Enum

from config.git import PushLimits
from gitserver.pktline import FLUSH, Packet, PktParser, strip_newline
from spaceport.push import RefUpdate

CAPABILITIES = (
    "report-status",
    "report-status-v2",
    "delete-refs",
    "side-band-64k",
    "quiet",
    "atomic",
    "ofs-delta",
    "push-options",
    "object-format=sha1",
)
_COMMAND = re.compile(rb"([0-9a-f]{40}) ([0-9a-f]{40}) (.+)", re.DOTALL)
_SHALLOW = re.compile(rb"shallow [0-9a-f]{40}")
_VALUED = ("agent=", "session-id=")
_OPTION_BYTES = 1024


class BadRequest(ValueError):
    """Raised for what no git client sends, and for lists beyond the limits."""


class State(Enum):
    COMMANDS = "commands"
    OPTIONS = "options"
    PACK = "pack"  # the bytes that follow are a pack
    DONE = "done"  # nothing follows


@dataclass(frozen=True)
class PushRequest:
    """Everything before the pack. Ref names are decoded with `surrogateescape`."""

    updates: tuple[RefUpdate, ...] = ()
    capabilities: frozenset[str] = frozenset()
    options: tuple[str, ...] = ()
    shallow: bool = False

    def can(self, capability: str) -> bool:
        return capability in self.capabilities

    @property
    def tips(self) -> tuple[str, ...]:
        """The new ids, each once."""
        return tuple(dict.fromkeys(update.new for update in self.updates if not update.deleted))


@dataclass
class RequestParser:
    """Fed bytes; once `state` is `PACK` or `DONE`, `request` is complete and `rest` follows it."""

    limits: PushLimits
    offered: Collection[str] = CAPABILITIES
    lenient: bool = False
    """Whether a ref that is not there may be deleted, as git lets one."""

    state: State = State.COMMANDS
    request: PushRequest = PushRequest()
    _packets: PktParser = field(default_factory=PktParser)
    _updates: list[RefUpdate] = field(default_factory=list)
    _options: list[str] = field(default_factory=list)
    _capabilities: frozenset[str] = frozenset()
    _shallow: bool = False
    _taken: int = 0

    def feed(self, data: bytes) -> None:
        """Raises `BadRequest` or `PktError`."""
        self._packets.feed(data)
        while self.state in (State.COMMANDS, State.OPTIONS):
            packet = self._packets.next()
            if packet is None:
                return
            self._count(packet)
            (self._command if self.state is State.COMMANDS else self._option)(packet)

    def finish(self) -> None:
        """Told that the stream has ended. Raises when it did so in the middle."""
        if self.state in (State.COMMANDS, State.OPTIONS):
            self._packets.finish()
            if self._updates or self.state is State.OPTIONS:
                raise BadRequest("the list of commands is cut off")
            self.state = State.DONE

    def take_rest(self) -> bytes:
        """Bytes that came behind the request."""
        return self._packets.take_rest()

    def _count(self, packet: Packet) -> None:
        self._taken += len(packet) + 4 if isinstance(packet, bytes) else 4
        if self._taken > self.limits.command_bytes:
            raise BadRequest(f"more than {self.limits.command_bytes} bytes of commands")

    def _command(self, packet: Packet) -> None:
        if packet is FLUSH:
            wants_options = "push-options" in self._capabilities
            self.state = State.OPTIONS if wants_options and self._updates else self._after()
            self._complete()
            return
        if not isinstance(packet, bytes):
            raise BadRequest("a delimiter has no place in a push")
        line = packet
        if not self._updates and b"\0" in line:
            line, _, words = line.partition(b"\0")
            self._capabilities = _capabilities(strip_newline(words), self.offered)
        line = strip_newline(line)
        if _SHALLOW.fullmatch(line):
            self._shallow = True
            return
        update = _update(line)
        if update.created and update.deleted and not self.lenient:
            raise BadRequest("a command that neither creates nor deletes")
        self._updates.append(update)

    def _option(self, packet: Packet) -> None:
        if packet is FLUSH:
            self.state = self._after()
            self._complete()
            return
        if not isinstance(packet, bytes) or len(packet) > _OPTION_BYTES:
            raise BadRequest(f"a push option has at most {_OPTION_BYTES} bytes")
        self._options.append(strip_newline(packet).decode("utf-8", "replace"))
        if len(self._options) > self.limits.options:
            raise BadRequest(f"a push has at most {self.limits.options} options")

    def _after(self) -> State:
        return State.PACK if any(not update.deleted for update in self._updates) else State.DONE

    def _complete(self) -> None:
        self.request = PushRequest(
            tuple(self._updates), self._capabilities, tuple(self._options), self._shallow
        )


def _capabilities(words: bytes, offered: Collection[str]) -> frozenset[str]:
    asked = frozenset(words.decode("utf-8", "replace").split())
    for word in asked:
        if word not in offered and not word.startswith(_VALUED):
            raise BadRequest(f"this server never offered {word[:100]!r}")
    return asked


def _update(line: bytes) -> RefUpdate:
    match = _COMMAND.fullmatch(line)
    if match is None:
        raise BadRequest("a line that is no command of a push")
    old, new, ref = match[1].decode(), match[2].decode(), match[3]
    return RefUpdate(ref.decode("utf-8", "surrogateescape"), old, new)
