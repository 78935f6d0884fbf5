"""Our own style sheets and scripts, served from memory under a name that changes with them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

FOLDER = Path(__file__).parent / "static"
_KINDS = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_FOREVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True)
class Assets:
    """All files of `static/`. One digest covers all of them: scripts import each other by name."""

    files: Mapping[str, bytes]
    digest: str

    @classmethod
    def load(cls, folder: Path = FOLDER) -> Assets:
        files = {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
        whole = hashlib.sha256()
        for name, body in files.items():
            whole.update(f"{name}\0{len(body)}\0".encode() + body)
        return cls(files, whole.hexdigest()[:16])

    def url(self, name: str) -> str:
        """Raises `KeyError` for a file that does not exist, so that no page names one."""
        if name not in self.files:
            raise KeyError(name)
        return f"/assets/{self.digest}/{name}"

    async def serve(self, request: web.Request) -> web.Response:
        """`GET /assets/{digest}/{name}`; an old page's digest gets today's file, uncached."""
        name = request.match_info["name"]
        if name not in self.files:
            raise web.HTTPNotFound
        current = request.match_info["digest"] == self.digest
        return web.Response(
            body=self.files[name],
            content_type=_KINDS[Path(name).suffix],
            charset="utf-8",
            headers={
                "Cache-Control": _FOREVER if current else "no-cache",
                "X-Content-Type-Options": "nosniff",
                "Cross-Origin-Resource-Policy": "same-origin",
            },
        )
