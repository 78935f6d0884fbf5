"""Protocol v2: commands in, answers out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing

from gitserver import pktline
from gitserver.pktline import MAX_BAND
from gitserver.upload.advert import VisibleRefs
from gitserver.upload.answers import Event
from gitserver.upload.core import Core, Reading, check, closable
from gitserver.upload.cutlines import cut_lines_of
from gitserver.upload.request import FetchRequest, ProtocolError
from gitserver.upload.stream import pack_bytes
from gitserver.upload.v2 import Fetch, LsRefs, ObjectInfo, V2Machine


class FetchV2:
    """Answers requests of protocol v2. What is wrong with one is raised as `ProtocolError`."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def stateless(
        self, reading: Reading, request: AsyncIterator[bytes]
    ) -> AsyncIterator[bytes]:
        machine = V2Machine(reading.rules)
        async for data in request:
            for command in machine.feed(data):
                async for chunk in self._command(reading, command):
                    yield chunk
        machine.finish()

    async def duplex(
        self,
        reading: Reading,
        reader: AsyncIterator[bytes],
        send: Callable[[bytes], Awaitable[None]],
    ) -> None:
        machine = V2Machine(reading.rules)
        async for data in reader:
            for command in machine.feed(data):
                async with aclosing(closable(self._command(reading, command))) as chunks:
                    async for chunk in chunks:
                        await send(chunk)
            if machine.ended:
                return
        machine.finish()

    def _command(
        self, reading: Reading, command: LsRefs | Fetch | ObjectInfo
    ) -> AsyncIterator[bytes]:
        if isinstance(command, LsRefs):
            return self._ls_refs(reading, command)
        if isinstance(command, ObjectInfo):
            return self._object_info(reading, command)
        return self._fetch(reading, command.request)

    async def _ls_refs(self, reading: Reading, command: LsRefs) -> AsyncIterator[bytes]:
        yield await self._core.catalog.ls_refs(reading.repo, reading.rules.refs, command)

    async def _object_info(self, reading: Reading, command: ObjectInfo) -> AsyncIterator[bytes]:
        job = self._core.job(reading, "object-info") | {"oids": command.oids}
        parts = [pktline.pkt(b"size")] if command.size else []
        async for event in self._core.workers.run(job, heavy=False):
            check(event)
            for oid, size in event.get("sizes", ()):
                parts.append(
                    pktline.pkt(f"{oid} {size}".encode() if command.size else oid.encode())
                )
        yield b"".join(parts) + pktline.FLUSH_PKT

    async def _fetch(self, reading: Reading, request: FetchRequest) -> AsyncIterator[bytes]:
        visible, serial = await self._core.catalog.visible(reading.repo, reading.rules.refs)
        wanted_refs = _resolve_want_refs(visible, request)
        if not request.wants and not request.wait_for_done:
            return
        frame = _sideband_all if request.sideband_all else bytes
        always = request.done or not request.haves
        mode = "always" if always else "never" if request.wait_for_done else "if-ready"
        job = self._core.fetch_job(
            reading, visible, request, mode if request.wants else "never", v2=True
        )
        heads = bytearray()
        cut_lines: bytes | None = b"" if request.shallow else None
        events = self._core.events(job, serial, heavy=not request.haves)
        async with aclosing(closable(events)) as source:
            async for _, event in source:
                if event["e"] == "cut":
                    cut_lines = cut_lines_of(event, frame)
                elif event["e"] == "acks":
                    pack = always or event["ready"]
                    if not request.done and request.haves:
                        heads += _acks_v2(event, frame)
                        heads += pktline.DELIM_PKT if pack else pktline.FLUSH_PKT
                    if not pack:
                        yield bytes(heads)
                        return
                    if cut_lines is not None:
                        heads += frame(pktline.line(b"shallow-info")) + cut_lines
                        heads += pktline.DELIM_PKT
                    if wanted_refs:
                        heads += frame(pktline.line(b"wanted-refs"))
                        heads += b"".join(frame(line) for line in wanted_refs)
                        heads += pktline.DELIM_PKT
                    yield bytes(heads) + frame(pktline.line(b"packfile"))
                    break
            async with aclosing(
                closable(pack_bytes(source, self._core.pools, MAX_BAND, quiet=request.no_progress))
            ) as chunks:
                async for chunk in chunks:
                    yield chunk
        yield pktline.FLUSH_PKT


def _resolve_want_refs(visible: VisibleRefs, request: FetchRequest) -> list[bytes]:
    lines = []
    for name in request.want_refs:
        oid = visible.value(name)
        if oid is None:
            raise ProtocolError(f"unknown ref {name}")
        request.wants.append(oid)
        lines.append(pktline.line(f"{oid} {name}".encode("utf-8", "surrogateescape")))
    return lines


def _acks_v2(event: Event, frame: Callable[[bytes], bytes]) -> bytes:
    lines = [f"ACK {oid}" for oid in event["common"]] or ["NAK"]
    lines += ["ready"] if event["ready"] else []
    return b"".join(frame(pktline.line(line.encode())) for line in ["acknowledgments", *lines])


def _sideband_all(packet: bytes) -> bytes:
    """A packet as `sideband-all` wants it: on the data band."""
    return b"%04x\1" % (len(packet) + 1) + packet[4:]
