"""Objects on their way: PUT, GET, parts and their completion, verify."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from aiohttp import web

from gitserver.access import Admission, Service
from gitserver.lfs.answers import LfsError, answer
from gitserver.lfs.desk import Desk, oid_of, stale
from gitserver.lfs.parts import Parts
from gitserver.lfs.passes import Pass, Purpose
from gitserver.lfs.receiving import read_small, receive_body
from gitserver.lfs.sending import (
    NoSuchRange,
    matches,
    object_headers,
    send_object,
    span_of,
)
from gitserver.lfs.sockets import Stop, in_thread
from gitserver.lfs.store import Source
from spaceport.names import SpaceKey

SMALL = 128 * 1024  # bytes of an object that is kept in one step on one thread
REDEEMED: web.RequestKey[tuple[Pass, Admission]] = web.RequestKey("lfs.redeemed", tuple)


class Transfers:
    """The handlers; counts the uploads that run."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._running = 0

    async def check(self, request: web.Request, purpose: Purpose) -> tuple[Pass, Admission]:
        """The pass in the address, for this very object and part. Raises `LfsError`."""
        known: tuple[Pass, Admission] | None = request.get(REDEEMED)
        if known is not None:
            return known
        oid = oid_of(request)
        found = await self._desk.redeem(request, request.query.get("pass", ""), purpose)
        if found[0].oid != oid or str(found[0].part or "") != request.match_info.get("part", ""):
            raise stale()
        request[REDEEMED] = found
        return found

    # -- up ----------------------------------------------------------------------------------

    async def put(self, request: web.Request) -> web.StreamResponse:
        """The whole object in one request; kept, linked and durable before the answer."""
        given, admitted = await self.check(request, Purpose.UPLOAD)
        self._check_length(request, given.size)
        large = self._desk.large
        if given.size <= SMALL:
            with self._counted():
                data = await read_small(request, given.size, self._desk.settings.idle)
                work = partial(large.put, given.space, admitted.actor_id, given.oid, given.size)
                await in_thread(self._desk.pools, lambda stop: work([data]))
            return _stored(given.oid)
        with self._counted():
            incoming = await self._desk.on("large", large.staging.begin, given.oid, given.size)
            try:
                await receive_body(request, incoming, self._desk.pools, self._desk.settings.idle)
                await in_thread(self._desk.pools, lambda stop: incoming.finish())
                await in_thread(
                    self._desk.pools,
                    lambda stop: large.take(given.space, admitted.actor_id, incoming),
                )
            finally:
                incoming.discard()
        return _stored(given.oid)

    async def put_part(self, request: web.Request) -> web.StreamResponse:
        """One part; its ETag goes into the completion."""
        given, _ = await self.check(request, Purpose.PART)
        parts = self._parts(given)
        with self._counted():
            sink = await self._desk.on("large", parts.begin, given.part)
            try:
                self._check_length(request, sink.left)
                await receive_body(request, sink, self._desk.pools, self._desk.settings.idle)
                etag = await in_thread(self._desk.pools, lambda stop: sink.finish())
            finally:
                sink.discard()
        return _stored(etag)

    async def complete(self, request: web.Request) -> web.StreamResponse:
        """All parts are there: check the whole object and keep it. Asked again, it says yes again:
        the first answer may have been lost."""
        given, admitted = await self.check(request, Purpose.COMPLETE)
        found = await self._desk.body(request, own_type=False)
        etags = _etags(found, given.oid)
        large = self._desk.large
        if given.oid in await self._desk.on("large", large.held, given.space, [given.oid]):
            await self._desk.on("large", self._parts(given).discard)
            return answer({"oid": given.oid, "size": given.size})

        def work(stop: Stop) -> None:
            parts = self._parts(given)
            whole = parts.complete(etags, given.oid, stop)
            try:
                large.keep(given.space, admitted.actor_id, whole, given.oid, given.size)
            finally:
                parts.discard()

        with self._counted():
            await in_thread(self._desk.pools, work)
        return answer({"oid": given.oid, "size": given.size})

    async def verify(self, request: web.Request) -> web.StreamResponse:
        """Whether the object arrived: 404, 422 for another size, 200 only when it is kept."""
        oid = oid_of(request)
        if "pass" in request.query:
            key = (await self.check(request, Purpose.VERIFY))[0].space
        else:
            key = (await self._desk.admit(request, Service.LARGE_FILES)).key
        found = await self._desk.body(request, own_type=False)
        if not isinstance(found, dict) or found.get("oid", oid) != oid:
            raise LfsError(422, "Send {oid, size} of the object in the address.")
        known = (await self._desk.on("large", self._desk.large.held, key, [oid])).get(oid)
        if known is None:
            raise LfsError(404, "This repository has no such object.")
        if found.get("size") != known.size or isinstance(found.get("size"), bool):
            raise LfsError(422, f"The object has {known.size} bytes.")
        return answer({"oid": oid, "size": known.size})

    # -- down --------------------------------------------------------------------------------

    async def get(self, request: web.Request) -> web.StreamResponse:
        """The object, or the one range asked for. Its ETag is its id."""
        given, _ = await self.check(request, Purpose.DOWNLOAD)
        headers = object_headers(given.oid)
        if matches(request.headers.get("If-None-Match", ""), given.oid):
            return web.Response(status=304, headers=headers)
        source = await self._desk.on("large", self._open, given.space, given.oid)
        try:
            try:
                span = span_of(request.headers, given.oid, source.size)
            except NoSuchRange:
                more = {"Content-Range": f"bytes */{source.size}"}
                raise LfsError(416, "The object has no such range.", headers=more) from None
            idle = self._desk.settings.idle
            return await send_object(request, source, span, headers, self._desk.pools, idle)
        finally:
            source.close()

    def _open(self, key: SpaceKey, oid: str) -> Source:
        if oid not in self._desk.large.held(key, [oid]):
            raise LfsError(404, "This repository has no such object.")
        return self._desk.large.store.open(oid)

    # -- helpers -----------------------------------------------------------------------------

    def _parts(self, given: Pass) -> Parts:
        root = self._desk.large.staging.parts
        most = self._desk.settings.unfinished
        return Parts(root, given.space, given.upload, given.size, given.chunk, most=most)

    @staticmethod
    def _check_length(request: web.Request, size: int) -> None:
        """A wrong length is refused before its bytes move."""
        if request.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise LfsError(415, "Send the object without Content-Encoding.")
        length = request.content_length
        if length is not None and length != size:
            raise LfsError(422, f"{size} bytes were announced here, not {length}.")

    @contextmanager
    def _counted(self) -> Iterator[None]:
        """Raises 503 for more uploads at once than the settings allow."""
        if self._running >= self._desk.settings.transfers:
            raise LfsError(503, "Too many uploads at once.", headers={"Retry-After": "5"})
        self._running += 1
        try:
            yield
        finally:
            self._running -= 1


def _stored(tag: str) -> web.Response:
    return web.Response(status=200, headers={"ETag": f'"{tag}"', "Cache-Control": "no-store"})


def _etags(found: Any, oid: str) -> dict[int, str]:
    """Of a completion's body, each part once. Raises `LfsError` 422."""
    parts = found.get("parts") if isinstance(found, dict) else None
    if not isinstance(parts, list) or found.get("oid", oid) != oid:
        raise LfsError(422, "Send {oid, parts: [{partNumber, etag}]}.")
    etags: dict[int, str] = {}
    for part in parts:
        number = part.get("partNumber") if isinstance(part, dict) else None
        etag = part.get("etag") if isinstance(part, dict) else None
        if isinstance(number, bool) or not isinstance(number, int) or not isinstance(etag, str):
            raise LfsError(422, "Every part needs a partNumber and an etag.")
        if number in etags:
            raise LfsError(422, f"Part {number} is there twice.")
        etags[number] = etag.strip('"')
    return etags
