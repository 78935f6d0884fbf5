"""receive-pack as an actor: one push from its first byte to its report, for every transport."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from typing import TypeVar

from gitserver.pktline import FLUSH_PKT, pkt
from gitserver.receive.conclude import Concluder, Pusher
from gitserver.receive.hooks import Progress, PushHooks
from gitserver.receive.quarantine import Quarantine, open_quarantine
from gitserver.receive.report import (
    Report,
    encode,
    keep_alive,
    refuse_all,
    remote_lines,
    unpack_failed,
)
from gitserver.receive.request import CAPABILITIES, PushRequest, RequestParser, State
from gitserver.receive.spool import Spool
from gitserver.receive.verdict import refuse_list
from gitserver.repositories import Repositories
from spaceport.names import SpaceKey
from spaceport.pools import Pools
from spaceport.push import ZERO

AGENT = "spaceport"
_PIECE = 1 << 20
_KEEP_ALIVE_SECONDS = 5.0
_T = TypeVar("_T")


class ReceiveService:
    """One for each server. Everything that blocks runs on pool "git"."""

    def __init__(self, repositories: Repositories, hooks: PushHooks, pools: Pools) -> None:
        self._repositories = repositories
        self._settings = repositories.settings
        self._pools = pools
        self._concluder = Concluder(repositories, hooks, pools)
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

    async def advertise(self, key: SpaceKey) -> bytes:
        """The refs that may be pushed, in protocol v0. Raises `NotFound`."""
        refs = await self._pools.run("git", self._repositories.refs, key)
        words = f"{' '.join(CAPABILITIES)} agent={AGENT}".encode()
        visible = [
            (oid.encode(), ref.encode("utf-8", "surrogateescape"))
            for ref, oid in sorted(refs.ids.items())
            if not ref.startswith(self._settings.hidden)
        ] or [(ZERO.encode(), b"capabilities^{}")]
        lines = [
            pkt(oid + b" " + ref + (b"" if number else b"\0" + words) + b"\n")
            for number, (oid, ref) in enumerate(visible)
        ]
        return b"".join(lines) + FLUSH_PKT

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
        parser = RequestParser(self._settings.push)
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
        whole = True
        try:
            if parser.state is State.PACK:
                whole = await self._spool(quarantine, parser.take_rest(), body, stays_open)
        except BaseException:
            await _to_the_end(self._pools.run("git", quarantine.discard))
            raise
        async for piece in self._finish(key, pusher, request, quarantine, whole):
            yield piece

    async def _open(self, key: SpaceKey) -> Quarantine:
        incoming = self._repositories.root / "incoming"
        opening = asyncio.ensure_future(self._pools.run("git", open_quarantine, incoming, key))
        try:
            return await asyncio.shield(opening)
        except asyncio.CancelledError:
            await asyncio.wait([opening])
            if opening.exception() is None:
                await _to_the_end(self._pools.run("git", opening.result().discard))
            raise

    async def _spool(
        self, quarantine: Quarantine, first: bytes, body: AsyncIterator[bytes], stays_open: bool
    ) -> bool:
        """Write the pack to the quarantine; false if it did not end as a pack ends."""
        spool = Spool(quarantine.pack, self._settings.push.pack_bytes)
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
            return spool.complete
        finally:
            spool.close()

    async def _finish(
        self,
        key: SpaceKey,
        pusher: Pusher,
        request: PushRequest,
        quarantine: Quarantine,
        whole: bool,
    ) -> AsyncIterator[bytes]:
        """Carry the push to its end in a task of its own, and tell what happens meanwhile."""
        loop = asyncio.get_running_loop()
        spoken: asyncio.Queue[str] = asyncio.Queue()

        def say(text: str) -> None:
            loop.call_soon_threadsafe(spoken.put_nowait, text)

        task = loop.create_task(self._verdict(key, pusher, request, quarantine, whole, say))
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
        whole: bool,
        say: Progress,
    ) -> Report:
        refusal = refuse_list(request.updates, self._settings.push.commands)
        if refusal is None and whole:
            return await self._concluder.conclude(key, pusher, request, quarantine, say)
        await self._pools.run("git", quarantine.discard)
        if refusal is not None:
            return refuse_all(request.updates, refusal.reason, *refusal.messages)
        return unpack_failed(request.updates, "the pack is cut off or its checksum is wrong")


async def _to_the_end(work: Awaitable[_T]) -> _T:
    """Await work that must not be left half done when we are cancelled."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise
