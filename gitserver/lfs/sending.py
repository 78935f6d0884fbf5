"""An object as an answer: one range or all of it, by sendfile where that is safe (LFS-14, -15)."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from aiohttp import web

from gitserver.lfs.sockets import CutOff, TooSlow, in_thread, plain_socket, send
from gitserver.lfs.store import Source
from spaceport.pools import Pools

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
_FLUSH_STEP = 0.002


@dataclass(frozen=True)
class Span:
    """Bytes from `start` up to `stop` of `size`."""

    start: int
    stop: int
    size: int

    @property
    def partial(self) -> bool:
        return self.stop - self.start != self.size


class NoSuchRange(Exception):
    """Raised for a range outside of the content: 416."""


def matches(condition: str, tag: str) -> bool:
    """Whether an `If-None-Match` or `If-Range` names the entity tag."""
    tags = [each.strip().removeprefix("W/").strip('"') for each in condition.split(",")]
    return tag in tags


def span_of(headers: Mapping[str, str], tag: str, size: int) -> Span:
    """What `Range` asks for; what is not one single range is passed over, as RFC 9110 allows."""
    found = _RANGE.fullmatch(headers.get("Range", "").strip())
    condition = headers.get("If-Range")
    whole = Span(0, size, size)
    if found is None or (condition is not None and not matches(condition, tag)):
        return whole
    first, last = found.groups()
    if not first and not last:
        return whole
    if not first:
        if not int(last):
            raise NoSuchRange
        return Span(max(0, size - int(last)), size, size)
    start, stop = int(first), int(last) + 1 if last else size
    if start >= size or stop <= start:
        raise NoSuchRange
    return Span(start, min(stop, size), size)


def object_headers(oid: str, filename: str = "") -> dict[str, str]:
    """So that no browser ever runs an object as the hub's own page (WEB-01)."""
    return {
        "Content-Type": "application/octet-stream",
        "Content-Disposition": f'attachment; filename="{filename or oid}"',
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "X-Content-Type-Options": "nosniff",
        "ETag": f'"{oid}"',
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, no-cache",
    }


async def send_object(
    request: web.Request,
    source: Source,
    span: Span,
    headers: Mapping[str, str],
    pools: Pools,
    idle: float,
) -> web.StreamResponse:
    """Answer with the bytes of an open object. A client that goes, or crawls, is let go."""
    answer = web.StreamResponse(status=206 if span.partial else 200, headers=headers)
    answer.content_length = span.stop - span.start
    if span.partial:
        answer.headers["Content-Range"] = f"bytes {span.start}-{span.stop - 1}/{span.size}"
    if request.method == "HEAD":
        return web.Response(status=answer.status, headers=answer.headers)
    await answer.prepare(request)
    try:
        sock = plain_socket(request) if source.descriptor is not None else None
        if sock is not None and source.descriptor is not None:
            try:
                await _flushed(request, idle)
                count = span.stop - span.start
                await send(sock, source.descriptor, span.start, count, pools, idle)
            finally:
                sock.close()
        else:
            await _pieces(answer, source.pieces(span.start, span.stop), pools, idle)
        await answer.write_eof()
    except (TooSlow, CutOff, ConnectionError):
        _end(request)
    except BaseException:
        _end(request)  # an answer that is not whole must not look so
        raise
    return answer


async def _flushed(request: web.Request, idle: float) -> None:
    """Wait until the head of the answer is in the kernel: the body goes there past it."""
    waited = 0.0
    while (transport := request.transport) is not None and transport.get_write_buffer_size():
        await asyncio.sleep(0 if waited == 0 else _FLUSH_STEP)
        waited += _FLUSH_STEP
        if waited > idle:
            raise TooSlow
    if transport is None:
        raise CutOff


async def _pieces(
    answer: web.StreamResponse, pieces: Iterator[bytes], pools: Pools, idle: float
) -> None:
    while piece := await in_thread(pools, lambda stop: next(pieces, b"")):
        try:
            async with asyncio.timeout(idle):
                await answer.write(piece)
        except TimeoutError:
            raise TooSlow from None


def _end(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()
