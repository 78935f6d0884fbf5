"""Protocol v2 requests as a state machine that is fed bytes (gitprotocol-v2(5))."""

from __future__ import annotations

from dataclasses import dataclass, field

from gitserver.pktline import DELIM, FLUSH, PktError, PktParser
from gitserver.upload.request import FetchRequest, ProtocolError, check_oid, text_of
from gitserver.upload.rules import UploadRules

_FLAGS = {
    "done": "done",
    "thin-pack": "thin",
    "ofs-delta": "ofs_delta",
    "include-tag": "include_tag",
    "no-progress": "no_progress",
    "sideband-all": "sideband_all",
    "wait-for-done": "wait_for_done",
    "deepen-relative": "relative",
}


@dataclass
class LsRefs:
    """The command `ls-refs`."""

    prefixes: list[str] = field(default_factory=list)
    peel: bool = False
    symrefs: bool = False
    unborn: bool = False

    @property
    def flags(self) -> tuple[bool, bool, bool]:
        return self.peel, self.symrefs, self.unborn

    def add(self, line: str, rules: UploadRules) -> None:
        if line.startswith("ref-prefix "):
            self.prefixes.append(line.removeprefix("ref-prefix "))
        elif line in ("peel", "symrefs"):
            setattr(self, line, True)
        elif line == "unborn":
            self.unborn = rules.unborn != "ignore"
        else:
            raise ProtocolError(f"unexpected line: {line!r}")


@dataclass
class Fetch:
    """The command `fetch`."""

    request: FetchRequest = field(default_factory=FetchRequest)

    def add(self, line: str, rules: UploadRules) -> None:
        if line in _FLAGS and (line != "sideband-all" or rules.sideband_all):
            setattr(self.request, _FLAGS[line], True)
        elif line.startswith("want-ref ") and rules.ref_in_want:
            name = line.removeprefix("want-ref ")
            if name in self.request.want_refs or len(self.request.want_refs) >= rules.limits.wants:
                raise ProtocolError(f"duplicate want-ref, or too many: {name}")
            self.request.want_refs.append(name)
        elif not self.request.add_line(line, rules):
            raise ProtocolError(f"unexpected line: {line!r}")


@dataclass
class ObjectInfo:
    """The command `object-info`."""

    size: bool = False
    oids: list[str] = field(default_factory=list)

    def add(self, line: str, rules: UploadRules) -> None:
        if line == "size":
            self.size = True
        elif line.startswith("oid "):
            if len(self.oids) >= rules.limits.wants:
                raise ProtocolError(f"too many ids (at most {rules.limits.wants})")
            self.oids.append(check_oid(line.removeprefix("oid "), line))
        else:
            raise ProtocolError(f"object-info: unexpected line: {line!r}")


Command = LsRefs | Fetch | ObjectInfo
_COMMANDS: dict[str, type[LsRefs] | type[Fetch] | type[ObjectInfo]] = {
    "ls-refs": LsRefs,
    "fetch": Fetch,
    "object-info": ObjectInfo,
}


class V2Machine:
    """Turns bytes into commands. `feed` raises `ProtocolError` and is then of no use."""

    def __init__(self, rules: UploadRules) -> None:
        self._rules = rules
        self._parser = PktParser(delim=True)
        self._fed = 0
        self._command: Command | None = None
        self._in_arguments = False
        self._any_capability = False
        self.ended = False
        """True once the client has said (with a lone flush) that no command follows."""

    def feed(self, data: bytes) -> list[Command]:
        """Take bytes; give the commands that they complete."""
        self._fed += len(data)
        limit = self._rules.limits.request_bytes
        if self._fed > limit:
            raise ProtocolError(f"the request is larger than {limit} bytes")
        self._parser.feed(data)
        complete = []
        try:
            for packet in self._parser.packets():
                if packet is FLUSH:
                    command = self._end()
                    if command is not None:
                        complete.append(command)
                elif packet is DELIM:
                    self._delimiter()
                elif isinstance(packet, bytes):
                    self._line(text_of(packet))
        except PktError as error:
            raise ProtocolError(str(error)) from error
        return complete

    def finish(self) -> None:
        """Raises `ProtocolError` if the stream ended inside a command."""
        try:
            self._parser.finish()
        except PktError as error:
            raise ProtocolError(str(error)) from error
        if self._command is not None or self._any_capability:
            raise ProtocolError("the request ended before its flush packet")

    def _line(self, line: str) -> None:
        if self._in_arguments:
            if self._command is None:
                raise ProtocolError("no command requested")
            self._command.add(line, self._rules)
            return
        self._any_capability = True
        name, equals, value = line.partition("=")
        if name == "command" and equals:
            if self._command is not None:
                raise ProtocolError(f"command '{value}' requested after another")
            if value not in _COMMANDS or (value == "object-info" and not self._rules.object_info):
                raise ProtocolError(f"invalid command '{value}'")
            self._command = _COMMANDS[value]()
        elif name == "object-format":
            if value != "sha1":
                raise ProtocolError(f"mismatched object format: server sha1; client {value}")
        elif name not in ("agent", "server-option", "session-id") or not equals:
            raise ProtocolError(f"unknown capability '{line}'")

    def _delimiter(self) -> None:
        if self._in_arguments:
            raise ProtocolError("unexpected delimiter packet")
        self._in_arguments = True

    def _end(self) -> Command | None:
        command, self._command = self._command, None
        self._fed = 0
        if command is None:
            if self._any_capability or self._in_arguments:
                raise ProtocolError("no command requested")
            self.ended = True
            return None
        self._in_arguments = self._any_capability = False
        if isinstance(command, Fetch):
            command.request.check()
        return command
