"""receive-pack as an actor: one push from its first byte to its report, for every transport."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from typing import TypeVar

from gitserver.pktline import FLUSH_PKT, line, pkt
from gitserver.receive.conclude import Concluder, Pusher
from gitserver.receive.hooks import Progress, PushHooks
from gitserver.receive.places import Places
from gitserver.receive.quarantine import Quarantine
from gitserver.receive.report import (
    Report,
    encode,
    keep_alive,
    refuse_all,
    remote_lines,
    unpack_failed,
)
from gitserver.receive.request import PushRequest, RequestParser, State
from gitserver.receive.spool import PackTooLarge, Spool
from gitserver.receive.verdict import refuse_list
from spaceport.names import SpaceKey
from spaceport.pools import Pools
from spaceport.push import WRITER, ZERO, Reach

AGENT = "spaceport"
_PIECE = 1 << 20
_KEEP_ALIVE_SECONDS = 5.0
CUT_OFF = "the pack is cut off or its checksum is wrong"
_T = TypeVar("_T")


class ReceiveService:
    """One for each server. Everything that blocks runs on pool "git"."""

    def __init__(self, places: Places, hooks: PushHooks, pools: Pools) -> None:
        self._places = places
        self._settings = places.settings
        self._pools = pools
        self._concluder = Concluder(places, hooks, pools)
        self._running: set[asyncio.Task[Report]] = set()

    @property
    def concluder(self) -> Concluder:
        """What carries pushes to their end; commits made here use it too."""
        return self._concluder

    async def close(self, within: float = 30.0) -> None:
        """Wait, `within` so many seconds, for pushes that are being stored (DUR-17)."""
        if self._running:
            await asyncio.wait(self._running, timeout=within)
        await self._concluder.close()

    async def advertise(self, key: SpaceKey, version: int = 0, *, reach: Reach = WRITER) -> bytes:
        """The refs that this person may push, in protocol v0, or v1 where that is asked for; there
        is no v2 of pushing. Raises `NotFound`."""
        rules = await self._pools.run("git", self._places.rules, key)
        shown = await self._pools.run("git", self._places.shown, key)
        words = f"{' '.join(rules.capabilities)} agent={AGENT}".encode()
        visible = [
            (oid.encode(), ref.encode("utf-8", "surrogateescape"))
            for ref, oid in sorted(shown.items())
            if rules.reached(ref, reach)
        ] or [(ZERO.encode(), b"capabilities^{}")]
        lines = [
            pkt(oid + b" " + ref + (b"" if number else b"\0" + words) + b"\n")
            for number, (oid, ref) in enumerate(visible)
        ]
        return (line(b"version 1") if version == 1 else b"") + b"".join(lines) + FLUSH_PKT

    async def serve(
        self,
        key: SpaceKey,
        pusher: Pusher,
        body: AsyncIterator[bytes],
        *,
        stays_open: bool = False,
    ) -> AsyncIterator[bytes]:
        """Take one push and give the answer piece by piece.

        `body` ends where the request does, unless `stays_open` says that the connection goes on
        (SSH): then the pack's own trailer is its end. Before the first piece is given, raises
        `BadRequest` or `PktError` for what is no push, `PackTooLarge`, and `OSError` when the bytes
        cannot be stored; nothing is kept then. A client that leaves while its pack is being sent
        leaves nothing behind; one that leaves later has pushed.
        """
        rules = await self._pools.run("git", self._places.rules, key)
        parser = RequestParser(self._settings.push, rules.capabilities, rules.delete_absent)
        while parser.state in (State.COMMANDS, State.OPTIONS):
            data = await anext(body, None)
            if data is None:
                parser.finish()
            else:
                parser.feed(data)
        request = parser.request
        if not request.updates:
            return
        quarantine = await self._open(key)
        trouble = ""
        try:
            if parser.state is State.PACK:
                limit = rules.pack_bytes or self._settings.push.pack_bytes
                spool = Spool(quarantine.pack, limit)
                trouble = await self._spool(spool, parser.take_rest(), body, stays_open)
        except BaseException:
            await _to_the_end(self._pools.run("git", quarantine.discard))
            raise
        async for piece in self._finish(key, pusher, request, quarantine, trouble):
            yield piece

    async def _open(self, key: SpaceKey) -> Quarantine:
        opening = asyncio.ensure_future(self._pools.run("git", self._places.open_quarantine, key))
        try:
            return await asyncio.shield(opening)
        except asyncio.CancelledError:
            await asyncio.wait([opening])
            if opening.exception() is None:
                await _to_the_end(self._pools.run("git", opening.result().discard))
            raise

    async def _spool(
        self, spool: Spool, first: bytes, body: AsyncIterator[bytes], stays_open: bool
    ) -> str:
        """Write the pack to the quarantine; gives what is wrong with it if it did not end as a
        pack ends, or is larger than the repository takes."""
        try:
            pieces, held = [first], len(first)
            data: bytes | None = b""
            while data is not None:
                if stays_open or held >= _PIECE:
                    await self._pools.run("git", spool.write, b"".join(pieces))
                    pieces, held = [], 0
                    if stays_open and spool.complete:
                        break
                data = await anext(body, None)
                if data is not None:
                    pieces.append(data)
                    held += len(data)
            await self._pools.run("git", spool.write, b"".join(pieces))
            return "" if spool.complete else CUT_OFF
        except PackTooLarge:
            if stays_open or spool.limit >= self._settings.push.pack_bytes:
                raise  # the door answers; there is no end to wait for
            async for _ in body:  # a client reads no answer before it has sent all
                pass
            return "pack exceeds maximum allowed size"
        finally:
            spool.close()

    async def _finish(
        self,
        key: SpaceKey,
        pusher: Pusher,
        request: PushRequest,
        quarantine: Quarantine,
        trouble: str,
    ) -> AsyncIterator[bytes]:
        """Carry the push to its end in a task of its own, and tell what happens meanwhile."""
        loop = asyncio.get_running_loop()
        spoken: asyncio.Queue[str] = asyncio.Queue()

        def say(text: str) -> None:
            loop.call_soon_threadsafe(spoken.put_nowait, text)

        task = loop.create_task(self._verdict(key, pusher, request, quarantine, trouble, say))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        while not task.done():
            listening = loop.create_task(spoken.get())
            await asyncio.wait(
                (task, listening),
                timeout=_KEEP_ALIVE_SECONDS,
                return_when=asyncio.FIRST_COMPLETED,
            )
            if listening.done():
                yield remote_lines(request, listening.result())
            else:
                listening.cancel()
                if not task.done():
                    yield keep_alive(request)
        while not spoken.empty():
            yield remote_lines(request, spoken.get_nowait())
        yield encode(request, task.result())

    async def _verdict(
        self,
        key: SpaceKey,
        pusher: Pusher,
        request: PushRequest,
        quarantine: Quarantine,
        trouble: str,
        say: Progress,
    ) -> Report:
        refusal = refuse_list(request.updates, self._settings.push.commands)
        if refusal is None and not trouble:
            return await self._concluder.conclude(key, pusher, request, quarantine, say)
        await self._pools.run("git", quarantine.discard)
        if refusal is not None:
            return refuse_all(request.updates, refusal.reason, *refusal.messages)
        return unpack_failed(request.updates, trouble)


async def _to_the_end(work: Awaitable[_T]) -> _T:
    """Await work that must not be left half done when we are cancelled."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise
