"""`GET /avatars/{name}.svg`: a coloured initial for every name, known or not."""

from __future__ import annotations

import hashlib

from aiohttp import web

from hub.api.call import Call


async def avatar(call: Call) -> web.StreamResponse:
    name = call.part("name")
    hue = int.from_bytes(hashlib.sha256(name.lower().encode("utf-8", "replace")).digest()[:2]) % 360
    letter = name[:1].upper() if name[:1].isalnum() and name[:1].isascii() else "?"
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64">'
        f'<rect width="64" height="64" fill="hsl({hue} 55% 45%)"/>'
        '<text x="32" y="34" fill="#fff" font-family="sans-serif" font-size="34" '
        f'text-anchor="middle" dominant-baseline="middle">{letter}</text></svg>'
    )
    headers = {"Cache-Control": "public, max-age=86400"}
    return web.Response(text=svg, content_type="image/svg+xml", headers=headers)
