"""The bytes of a file: `GET` and `HEAD /spaces/{id}/resolve/{rev}/{path}` (hub-api 7.3)."""

from __future__ import annotations

import hashlib
import mimetypes
import re

from aiohttp import web

from gitserver.content import Kind, TooLarge, TreeEntry
from hub.api.call import Call
from hub.api.content import revision_of
from hub.api.errors import ApiError, entry_not_found
from hub.api.large import pointer_of
from spaceport.errors import NotFound

MIB = 1024 * 1024
LARGEST = 100 * MIB  # git keeps nothing larger (security contract 4)
AT_ONCE = 256 * 1024
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
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
    await _refuse_large(call, revision, entry)
    headers = _headers(entry, revision)
    if _matches(call.request.headers.get("If-None-Match", ""), entry.oid):
        return web.Response(status=304, headers=headers)
    start, stop = _range(call.request, entry, headers)
    partial = stop - start != entry.size
    answer = web.StreamResponse(status=206 if partial else 200, headers=headers)
    answer.content_length = stop - start
    if partial:
        answer.headers["Content-Range"] = f"bytes {start}-{stop - 1}/{entry.size}"
    if call.request.method == "HEAD":
        return web.Response(status=answer.status, headers=answer.headers)
    data = await _read(call, revision, entry)
    await answer.prepare(call.request)
    for at in range(start, stop, AT_ONCE):
        await answer.write(data[at : min(at + AT_ONCE, stop)])
    await answer.write_eof()
    return answer


async def _read(call: Call, revision: str, entry: TreeEntry) -> bytes:
    try:
        return await call.git(
            call.context.content.read, call.space.key, revision, entry.path, LARGEST
        )
    except TooLarge as error:
        raise ApiError(413, str(error)) from None


async def _refuse_large(call: Call, revision: str, entry: TreeEntry) -> None:
    pointer = await call.git(pointer_of, call.context.content, call.space.key, revision, entry)
    if pointer is not None:
        raise ApiError(
            404,
            f"{entry.path} is a git-lfs pointer to {pointer.size} bytes that this server does not "
            "have",
            "EntryNotFound",
            headers={"X-Repo-Commit": revision},
        )


def _headers(entry: TreeEntry, revision: str) -> dict[str, str]:
    kind = mimetypes.guess_type(entry.path)[0] or "application/octet-stream"
    if kind.startswith("text/") or kind == "application/json":
        kind = "text/plain"
    disposition = "inline" if kind in _SAFE_TYPES else "attachment"
    name = hashlib.sha256(entry.path.encode("utf-8", "replace")).hexdigest()[:16]
    ascii_name = entry.path.rpartition("/")[2]
    if re.fullmatch(r"[A-Za-z0-9._ -]{1,150}", ascii_name):
        name = ascii_name
    return {
        "Content-Type": f"{kind}; charset=utf-8" if kind == "text/plain" else kind,
        "Content-Disposition": f'{disposition}; filename="{name}"',
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "ETag": f'"{entry.oid}"',
        "X-Repo-Commit": revision,
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, no-cache",
    }


def _matches(condition: str, oid: str) -> bool:
    tags = [tag.strip().removeprefix("W/").strip('"') for tag in condition.split(",")]
    return oid in tags


def _range(request: web.Request, entry: TreeEntry, headers: dict[str, str]) -> tuple[int, int]:
    """First byte and the one behind the last. Raises 416; what is no single range is ignored."""
    given = request.headers.get("Range", "")
    found = _RANGE.fullmatch(given.strip())
    condition = request.headers.get("If-Range")
    if found is None or (condition is not None and not _matches(condition, entry.oid)):
        return 0, entry.size
    first, last = found.groups()
    if not first and not last:
        return 0, entry.size
    if not first:
        return max(0, entry.size - int(last)), entry.size
    start, stop = int(first), int(last) + 1 if last else entry.size
    if start >= entry.size or stop <= start:
        more = {**headers, "Content-Range": f"bytes */{entry.size}"}
        more.pop("Content-Type")
        raise ApiError(416, "The file has no such range", headers=more)
    return start, min(stop, entry.size)
