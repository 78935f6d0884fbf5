"""What git-lfs is told while this server stores no large objects: a sentence, not a bare 404."""

from __future__ import annotations

from aiohttp import web

MEDIA_TYPE = "application/vnd.git-lfs+json"
MESSAGE = (
    "This version of Spaceport does not store git-lfs objects yet. Keep files of up to 10 MiB in "
    "git itself: remove the file's pattern from .gitattributes, run 'git add --renormalize .' and "
    "commit again."
)


def add_no_lfs(app: web.Application, prefix: str = "/spaces") -> None:
    """Answer every git-lfs request below a repository (git-lfs API: errors are JSON)."""
    app.router.add_route("*", prefix + "/{author}/{name}/info/lfs/{rest:.*}", _refuse)


async def _refuse(request: web.Request) -> web.Response:
    return web.json_response({"message": MESSAGE}, status=501, content_type=MEDIA_TYPE)
