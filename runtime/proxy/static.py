"""Serve static Spaces from the relay's own protocol (3.5, WEB-18).

Small files come from a bounded cache of bytes, large ones by sendfile. A file's ETag is made of
its content (small) or of its release, name, size and time (large); every answer is revalidated by
the browser, so a push is seen at once.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from config.proxy import StaticLimits
from runtime.proxy.bypass import reply_with_file
from runtime.proxy.folder import Entry, Listing, content_type, find, list_folder, open_listed
from runtime.proxy.local import LocalAnswer
from runtime.proxy.ranges import NONE, byte_range, conditions, not_modified
from runtime.proxy.routes import Folder, Route
from runtime.proxy.window_script import insert_at, window_script
from spaceport.pools import Pools

if TYPE_CHECKING:
    from runtime.proxy.relay import Visitor

_FIELDS = b"Cache-Control: no-cache\r\nX-Content-Type-Options: nosniff\r\nAccept-Ranges: bytes\r\n"
_READ_FIRST = 64 * 1024  # of a large page, to find where the script goes


@dataclass(frozen=True)
class _Small:
    """A cached file. `variables` is what its script, if it is a page, was made of."""

    body: bytes
    kind: str
    etag: bytes
    fields: bytes
    folder: Folder


class StaticFiles:
    """The listings and the cache of one proxy."""

    def __init__(self, limits: StaticLimits, loop: asyncio.AbstractEventLoop, pools: Pools) -> None:
        self._limits = limits
        self._loop = loop
        self._pools = pools
        self._listings: OrderedDict[Path, Listing] = OrderedDict()
        self._loading: dict[Path, asyncio.Task[Listing]] = {}
        self._cache: OrderedDict[tuple[Path, str], _Small] = OrderedDict()
        self._cached = 0  # bytes

    def keep_only(self, roots: set[Path]) -> None:
        """Forget what no route leads to any more."""
        for root in [root for root in self._listings if root not in roots]:
            del self._listings[root]
        for key in [key for key in self._cache if key[0] not in roots]:
            self._cached -= len(self._cache.pop(key).body)

    # -- one request -----------------------------------------------------------------------

    def answer(self, visitor: Visitor, route: Route, folder: Folder) -> None:
        """Answer the visitor's present request; access has been checked."""
        listing = self._listings.get(folder.root)
        if listing is None:
            visitor.spawn(self._list_and_answer(visitor, route, folder))
        else:
            self._listings.move_to_end(folder.root)
            self._answer_listed(visitor, route, folder, listing)

    async def _list_and_answer(self, visitor: Visitor, route: Route, folder: Folder) -> None:
        root = folder.root
        task = self._loading.get(root)
        if task is None:
            task = self._loading[root] = self._loop.create_task(self._list(root))
            task.add_done_callback(lambda _: self._loading.pop(root, None))
        listing = await asyncio.shield(task)
        self._answer_listed(visitor, route, folder, listing)

    async def _list(self, root: Path) -> Listing:
        listing = await self._pools.run("files", list_folder, root, self._limits.files)
        self._listings[root] = listing
        if len(self._listings) > self._limits.folders:
            self._listings.popitem(last=False)
        return listing

    def _answer_listed(
        self, visitor: Visitor, route: Route, folder: Folder, listing: Listing
    ) -> None:
        head = visitor.head
        if head is None:
            return
        if head.method not in (b"GET", b"HEAD"):
            visitor.reply(LocalAnswer(405, b"Method not allowed", fields=b"Allow: GET, HEAD\r\n"))
            return
        name = find(listing, folder.app_file, head.target)
        if name is None:
            visitor.reply(_not_found(route))
            return
        try:
            small = self._cache.get((folder.root, name))
            if small is not None and small.folder == folder:
                self._cache.move_to_end((folder.root, name))
            elif listing[name].size <= self._limits.cached_file:
                small = self._load(folder, name, listing[name])
            else:
                small = None
            if small is not None:
                _answer_small(visitor, route, small)
            else:
                _answer_large(visitor, route, folder, name, listing[name])
        except OSError:
            visitor.reply(_not_found(route))

    def _load(self, folder: Folder, name: str, entry: Entry) -> _Small:
        """Read a small file into the cache."""
        descriptor = open_listed(folder.root, name, entry)
        with os.fdopen(descriptor, "rb") as file:
            body = file.read(entry.size + 1)
        kind = content_type(name)
        if kind.startswith("text/html"):
            place = insert_at(body)
            body = body[:place] + window_script(folder.variables) + body[place:]
        etag = b'"%b"' % hashlib.blake2b(body, digest_size=12).hexdigest().encode()
        small = _Small(body, kind, etag, b"ETag: %b\r\n%b" % (etag, _FIELDS), folder)
        self._remember((folder.root, name), small)
        return small

    def _remember(self, key: tuple[Path, str], small: _Small) -> None:
        old = self._cache.pop(key, None)
        self._cached += len(small.body) - (len(old.body) if old else 0)
        self._cache[key] = small
        while self._cached > self._limits.cache_bytes and self._cache:
            self._cached -= len(self._cache.popitem(last=False)[1].body)


def _answer_small(visitor: Visitor, route: Route, small: _Small) -> None:
    head = visitor.head
    fields = small.fields + _common(visitor, route)
    wanted = conditions(head.fields.kept) if head is not None else NONE
    if wanted is NONE:
        visitor.reply(LocalAnswer(200, small.body, small.kind, fields))
    elif not_modified(wanted, small.etag):
        visitor.reply(LocalAnswer(304, fields=fields))
    else:
        size = len(small.body)
        try:
            part = byte_range(wanted, small.etag, size)
        except ValueError:
            visitor.reply(_no_such_range(size, fields))
            return
        if part is None:
            visitor.reply(LocalAnswer(200, small.body, small.kind, fields))
            return
        offset, count = part
        fields += _content_range(offset, count, size)
        visitor.reply(LocalAnswer(206, small.body[offset : offset + count], small.kind, fields))


def _answer_large(visitor: Visitor, route: Route, folder: Folder, name: str, entry: Entry) -> None:
    head = visitor.head
    if head is None:
        return
    key = f"{folder.root}\0{name}\0{entry.size}\0{entry.mtime_ns}\0{folder.variables}"
    etag = b'"%b"' % hashlib.blake2b(key.encode(), digest_size=12).hexdigest().encode()
    fields = b"ETag: %b\r\n%b%b" % (etag, _FIELDS, _common(visitor, route))
    wanted = conditions(head.fields.kept)
    if not_modified(wanted, etag):
        visitor.reply(LocalAnswer(304, fields=fields))
        return
    kind = content_type(name)
    page = kind.startswith("text/html")
    try:
        part = None if page else byte_range(wanted, etag, entry.size)
    except ValueError:
        visitor.reply(_no_such_range(entry.size, fields))
        return
    file = open_listed(folder.root, name, entry)
    offset, count = part or (0, entry.size)
    before = b""
    if page:
        beginning = os.pread(file, _READ_FIRST, 0)
        offset = insert_at(beginning)
        before = beginning[:offset] + window_script(folder.variables)
        count = entry.size - offset
    if part is not None:
        fields += _content_range(offset, count, entry.size)
    status = 206 if part is not None else 200
    answer = LocalAnswer(status, before, kind, fields + visitor.extra_fields)
    reply_with_file(visitor, answer, file, range(offset, offset + count))


def _common(visitor: Visitor, route: Route) -> bytes:
    if visitor.head is not None and visitor.head.fields.origin and not route.private:
        return route.answer_fields + b"Access-Control-Allow-Origin: *\r\n"
    return route.answer_fields


def _content_range(offset: int, count: int, size: int) -> bytes:
    return b"Content-Range: bytes %d-%d/%d\r\n" % (offset, offset + count - 1, size)


def _no_such_range(size: int, fields: bytes) -> LocalAnswer:
    return LocalAnswer(416, fields=fields + b"Content-Range: bytes */%d\r\n" % size)


def _not_found(route: Route) -> LocalAnswer:
    fields = b"X-Content-Type-Options: nosniff\r\n" + route.answer_fields
    return LocalAnswer(404, b"Entry not found", fields=fields)
