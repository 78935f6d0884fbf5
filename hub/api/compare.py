"""`GET .../compare/{a}..{b}`: what changed between two revisions, as `git diff` prints it."""

from __future__ import annotations

from aiohttp import web

from gitserver.diff import as_text
from gitserver.differences import difference
from hub.api.call import Call
from hub.api.errors import ApiError, revision_not_found
from spaceport.errors import NotFound


async def compare(call: Call) -> web.StreamResponse:
    """From `a` to `b`; with three dots from where they parted is not offered."""
    old, dots, new = call.part("revisions").partition("..")
    if not dots or not old or not new or new.startswith("."):
        raise ApiError(400, "Name two revisions: compare/A..B")
    text = await call.git(_text, call, old, new)
    headers = {"Content-Disposition": "inline", "X-Content-Type-Options": "nosniff"}
    return web.Response(body=text, content_type="text/plain", charset="utf-8", headers=headers)


def _text(call: Call, old: str, new: str) -> bytes:
    content, key = call.context.content, call.space.key
    found = []
    for name in (old, new):
        try:
            found.append(content.resolve(key, name))
        except NotFound:
            raise revision_not_found(name) from None
    return as_text(difference(content, key, found[0], found[1]).files)
