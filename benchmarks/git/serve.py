"""The server under test as a program: `python -m benchmarks.git.serve ROOT CACHE PORT`."""

from __future__ import annotations

import sys
from pathlib import Path

from aiohttp import web

from gitserver import pktline
from gitserver.upload.service import UploadService
from spaceport.pools import Pools


class Handlers:
    """Smart HTTP reading for the repositories below a folder."""

    def __init__(self, root: Path, service: UploadService) -> None:
        self._root = root
        self._service = service

    async def info(self, request: web.Request) -> web.StreamResponse:
        version = _version(request)
        body = await self._service.advertise(self._repo(request), version)
        frame = pktline.line(b"# service=git-upload-pack") + pktline.FLUSH_PKT
        return web.Response(
            body=body if version == 2 else frame + body,
            content_type="application/x-git-upload-pack-advertisement",
        )

    async def rpc(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        response.content_type = "application/x-git-upload-pack-result"
        await response.prepare(request)
        chunks = self._service.serve(
            self._repo(request), _version(request), request.content.iter_any()
        )
        try:
            async for chunk in chunks:
                await response.write(chunk)
        finally:
            await chunks.aclose()  # type: ignore[attr-defined]
        return response

    def _repo(self, request: web.Request) -> Path:
        return self._root / request.match_info["name"]


def _version(request: web.Request) -> int:
    return 2 if "version=2" in request.headers.get("Git-Protocol", "") else 0


def main() -> None:
    root, cache, port = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    service = UploadService(cache, Pools())
    handlers = Handlers(root, service)
    app = web.Application()
    app.router.add_get("/{name}/info/refs", handlers.info)
    app.router.add_post("/{name}/git-upload-pack", handlers.rpc)

    async def lifetime(_: web.Application):
        await service.warm()
        yield
        await service.close()

    app.cleanup_ctx.append(lifetime)
    try:
        import uvloop

        uvloop.install()
    except ImportError:
        pass
    web.run_app(app, host="127.0.0.1", port=port, print=None, handle_signals=True)


if __name__ == "__main__":
    main()
