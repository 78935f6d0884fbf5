"""`GET .../commit/{rev}`: what one commit changed. Clients name it after each upload."""

from __future__ import annotations

from aiohttp import web

from gitserver.content import TooLarge
from gitserver.differences import Difference, difference
from gitserver.history import Commit
from hub.web.diffs import shown_files
from hub.web.pages.space import header_of
from hub.web.visit import Visit
from spaceport.authorize import Action


async def page(visit: Visit) -> web.StreamResponse:
    """Against its first parent, as every forge shows a commit."""
    view = await visit.space(Action.READ)
    rev = visit.request.match_info["rev"]

    def look() -> tuple[Commit, Difference | None]:
        content, key = visit.context.content, view.space.key
        commit = content.commit(key, content.resolve(key, rev))
        try:
            before = commit.parents[0] if commit.parents else None
            return commit, difference(content, key, before, commit.oid)
        except TooLarge:
            return commit, None

    commit, found = await visit.on("git", look)
    return visit.page(
        "commit.html",
        header=await header_of(visit, view),
        tab="files",
        commit=commit,
        found=found,
        files=[] if found is None else shown_files(found.files),
    )
