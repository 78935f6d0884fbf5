"""Protocol v0 and v1: wants, rounds of haves, a pack."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing

from gitserver import pktline
from gitserver.upload.core import Core, Reading, closable
from gitserver.upload.cutlines import cut_lines_of
from gitserver.upload.stream import pack_bytes
from gitserver.upload.v0 import Acknowledger, Step, V0Machine


class FetchV0:
    """Answers requests of v0 and v1. What is wrong with one is raised as `ProtocolError`."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def stateless(
        self, reading: Reading, request: AsyncIterator[bytes]
    ) -> AsyncIterator[bytes]:
        machine = V0Machine(reading.rules)
        steps: list[tuple[Step, tuple[str, ...]]] = []
        async for data in request:
            steps.extend(machine.feed(data))
        machine.finish()
        acknowledger = Acknowledger(machine.options)
        # A stateless client sends one round at a time; what follows its flush would not be read.
        # The shallow answer comes first, in the same breath.
        final = next((step for step, _ in steps if step is not Step.WANTS), None)
        if not steps:
            return
        haves = next((new for step, new in steps if step is not Step.WANTS), ())
        machine.request.haves = list(haves)
        machine.request.done = final is Step.DONE
        async for chunk in self._round(reading, machine, acknowledger, final, True):
            yield chunk

    async def duplex(
        self,
        reading: Reading,
        reader: AsyncIterator[bytes],
        send: Callable[[bytes], Awaitable[None]],
    ) -> None:
        machine = V0Machine(reading.rules)
        acknowledger = Acknowledger(machine.options)
        common: list[str] = []
        async for data in reader:
            for step, new in machine.feed(data):
                machine.request.haves = [*common, *new]
                first = step is Step.WANTS
                if first and not machine.request.deepens:
                    continue
                answer = self._round(
                    reading, machine, acknowledger, None if first else step, first, len(common)
                )
                async with aclosing(closable(answer)) as chunks:
                    async for chunk in chunks:
                        await send(chunk)
                common = list(machine.request.haves)
                if acknowledger.pack_follows:
                    return
            if machine.ended:
                return
        machine.finish()

    async def _round(
        self,
        reading: Reading,
        machine: V0Machine,
        acknowledger: Acknowledger,
        step: Step | None,
        tell_cut: bool,
        old: int = 0,
    ) -> AsyncIterator[bytes]:
        """Answer one step. `old`: how many of the request's haves were acknowledged before; its
        haves are narrowed to those that exist here."""
        request, options = machine.request, machine.options
        visible, serial = await self._core.catalog.visible(reading.repo, reading.rules.refs)
        done = step is Step.DONE
        mode = "always" if done else "if-ready" if options.mode == 2 and step else "never"
        if mode == "if-ready" and not options.no_done:
            mode = "ready-only"
        job = self._core.fetch_job(reading, visible, request, mode, v2=False)
        head = b""
        async with aclosing(
            closable(self._core.events(job, serial, heavy=done and not request.haves))
        ) as source:
            async for _, event in source:
                if event["e"] == "cut" and tell_cut:
                    head = cut_lines_of(event, bytes) + pktline.FLUSH_PKT
                elif event["e"] == "acks":
                    known = set(event["common"])
                    new = [oid for oid in request.haves[old:] if oid in known]
                    request.haves = [*request.haves[:old], *new]
                    if done:
                        head += acknowledger.done(new)
                    elif step is not None:
                        head += acknowledger.round(new, ready=event["ready"])
                    break
            if head:
                yield head
            if not done and not acknowledger.pack_follows:
                return
            quiet = request.no_progress or not options.band
            async with aclosing(
                closable(pack_bytes(source, self._core.pools, options.band, quiet=quiet))
            ) as chunks:
                async for chunk in chunks:
                    yield chunk
        if options.band:
            yield pktline.FLUSH_PKT
