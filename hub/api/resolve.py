"""The bytes of a file: `GET` and `HEAD /spaces/{id}/resolve/{rev}/{path}` (hub-api 7.3)."""

from __future__ import annotations

import hashlib
import mimetypes
import re
from collections.abc import Mapping

from aiohttp import web

from gitserver.content import Kind, TooLarge, TreeEntry
from gitserver.lfs.sending import NoSuchRange, Span, matches, send_object, span_of
from gitserver.lfs.store import ObjectLost, Source
from gitserver.pointer import Pointer
from hub.api.call import Call
from hub.api.content import revision_of
from hub.api.errors import ApiError, entry_not_found
from hub.api.large import pointer_of
from spaceport.errors import NotFound

MIB = 1024 * 1024
LARGEST = 100 * MIB  # git keeps nothing larger (security contract 4)
AT_ONCE = 256 * 1024
_SAFE_TYPES = ("text/plain", "image/png", "image/jpeg", "image/gif", "image/webp")


async def resolve(call: Call) -> web.StreamResponse:
    """The file, or the part that `Range` asks for, with the headers that downloads count on.

    Nothing here is ever rendered by a browser as the hub's own: every file is plain text, a plain
    image or an attachment (security invariant 7).
    """
    path = call.part("path")
    revision = await revision_of(call)
    try:
        entry = await call.git(call.context.content.entry, call.space.key, revision, path)
    except NotFound:
        raise entry_not_found(path, revision) from None
    if entry.kind in (Kind.DIRECTORY, Kind.SUBMODULE):
        raise entry_not_found(path, revision)
    pointer = await call.git(pointer_of, call.context.content, call.space.key, revision, entry)
    if pointer is not None:
        return await _large(call, revision, entry, pointer)
    headers = _headers(entry.path, entry.oid, revision)
    if matches(call.request.headers.get("If-None-Match", ""), entry.oid):
        return web.Response(status=304, headers=headers)
    span = _span(call.request, entry.oid, entry.size, headers)
    answer = web.StreamResponse(status=206 if span.partial else 200, headers=headers)
    answer.content_length = span.stop - span.start
    if span.partial:
        answer.headers["Content-Range"] = f"bytes {span.start}-{span.stop - 1}/{entry.size}"
    if call.request.method == "HEAD":
        return web.Response(status=answer.status, headers=answer.headers)
    data = await _read(call, revision, entry)
    await answer.prepare(call.request)
    for at in range(span.start, span.stop, AT_ONCE):
        await answer.write(data[at : min(at + AT_ONCE, span.stop)])
    await answer.write_eof()
    return answer


async def _large(
    call: Call, revision: str, entry: TreeEntry, pointer: Pointer
) -> web.StreamResponse:
    """The content that a pointer stands for, if this very Space holds it (LFS-04)."""
    headers = _headers(entry.path, pointer.oid, revision)
    headers |= {"X-Linked-Size": str(pointer.size), "X-Linked-ETag": f'"{pointer.oid}"'}
    if matches(call.request.headers.get("If-None-Match", ""), pointer.oid):
        return web.Response(status=304, headers=headers)
    pools = call.context.pools
    source = await pools.run("large", _open, call, revision, entry, pointer)
    try:
        span = _span(call.request, pointer.oid, pointer.size, headers)
        idle = call.context.settings.lfs.idle
        return await send_object(call.request, source, span, headers, pools, idle)
    finally:
        source.close()


def _open(call: Call, revision: str, entry: TreeEntry, pointer: Pointer) -> Source:
    large = call.context.large
    held = large.held(call.space.key, [pointer.oid]).get(pointer.oid)
    try:
        if held is not None and held.size == pointer.size:
            return large.store.open(pointer.oid)
    except ObjectLost:
        pass
    raise ApiError(
        404,
        f"{entry.path} is a git-lfs pointer to {pointer.size} bytes that this server does not have",
        "EntryNotFound",
        headers={"X-Repo-Commit": revision},
    )


async def _read(call: Call, revision: str, entry: TreeEntry) -> bytes:
    try:
        return await call.git(
            call.context.content.read, call.space.key, revision, entry.path, LARGEST
        )
    except TooLarge as error:
        raise ApiError(413, str(error)) from None


def _headers(path: str, tag: str, revision: str) -> dict[str, str]:
    kind = mimetypes.guess_type(path)[0] or "application/octet-stream"
    if kind.startswith("text/") or kind == "application/json":
        kind = "text/plain"
    disposition = "inline" if kind in _SAFE_TYPES else "attachment"
    name = hashlib.sha256(path.encode("utf-8", "replace")).hexdigest()[:16]
    ascii_name = path.rpartition("/")[2]
    if re.fullmatch(r"[A-Za-z0-9._ -]{1,150}", ascii_name):
        name = ascii_name
    return {
        "Content-Type": f"{kind}; charset=utf-8" if kind == "text/plain" else kind,
        "Content-Disposition": f'{disposition}; filename="{name}"',
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "X-Content-Type-Options": "nosniff",
        "ETag": f'"{tag}"',
        "X-Repo-Commit": revision,
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, no-cache",
    }


def _span(request: web.Request, tag: str, size: int, headers: Mapping[str, str]) -> Span:
    """Raises 416; what is no single range is ignored."""
    try:
        return span_of(request.headers, tag, size)
    except NoSuchRange:
        more = {**headers, "Content-Range": f"bytes */{size}"}
        more.pop("Content-Type")
        raise ApiError(416, "The file has no such range", headers=more) from None
