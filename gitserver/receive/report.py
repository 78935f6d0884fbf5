"""The answer to a push: report-status, in a band or bare (gitprotocol-pack(5))."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from gitserver.pktline import FLUSH_PKT, Band, band, clean, line, progress
from gitserver.receive.request import PushRequest
from spaceport.push import RefUpdate

_REASON = 900


@dataclass(frozen=True)
class Report:
    """The fate of each ref: '' is stored, else why not. `unpack` is 'ok' or what is wrong."""

    unpack: str = "ok"
    refs: Mapping[str, str] = field(default_factory=dict)
    messages: tuple[str, ...] = ()  # for the person, each may have several lines


def refuse_all(updates: Sequence[RefUpdate], reason: str, *messages: str) -> Report:
    """Every ref refused for the same reason, the pack itself being fine."""
    return Report(refs={update.ref: reason for update in updates}, messages=messages)


def unpack_failed(updates: Sequence[RefUpdate], reason: str, *messages: str) -> Report:
    """The pack itself is refused; git then expects every ref to be so too."""
    return Report(reason, {update.ref: "unpacker error" for update in updates}, messages)


def remote_lines(request: PushRequest, text: str) -> bytes:
    """Text for the person, if the client has a channel for it."""
    if not request.can("side-band-64k") or not text:
        return b""
    return progress(text if text.endswith("\n") else text + "\n")


def keep_alive(request: PushRequest) -> bytes:
    """A packet that says nothing, while the checks take long (as git itself sends it)."""
    return b"0005\x01" if request.can("side-band-64k") else b""


def encode(request: PushRequest, report: Report) -> bytes:
    """The whole rest of the answer."""
    text = b"".join(remote_lines(request, message) for message in report.messages)
    if not (request.can("report-status") or request.can("report-status-v2")):
        return text + (FLUSH_PKT if request.can("side-band-64k") else b"")
    status = _status(report)
    if request.can("side-band-64k"):
        return text + b"".join(band(Band.DATA, status)) + FLUSH_PKT
    return status


def _status(report: Report) -> bytes:
    out = [line(b"unpack " + _one_line(report.unpack))]
    for ref, reason in report.refs.items():
        name = ref.encode("utf-8", "surrogateescape")
        out.append(line(b"ng " + name + b" " + _one_line(reason) if reason else b"ok " + name))
    return b"".join(out) + FLUSH_PKT


def _one_line(text: str) -> bytes:
    return clean(" ".join(text.split())).encode("utf-8", "replace")[:_REASON]
