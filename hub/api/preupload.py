"""`POST .../preupload/{rev}`: how to send each file, and what is there already (hub-api 6.2)."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from pathspec import GitIgnoreSpec

from gitserver.content import Content, Kind, TooLarge
from hub.api.body import Body
from hub.api.call import Call, answer
from hub.api.commit import branch_of
from hub.api.errors import ApiError
from hub.api.large import pointer_of
from spaceport.errors import NotFound
from spaceport.names import SpaceKey

IGNORE_FILE = ".gitignore"
IGNORE_BYTES = 64 * 1024
IGNORE_LINES = 1000
MOST_STARS = 6  # in one pattern: more make matching slow, and nobody writes them


class File(Body):
    path: str
    size: int
    sample: str = ""


class Preupload(Body):
    files: list[File]
    gitIgnore: str | None = None
    gitAttributes: str | None = None


async def preupload(call: Call) -> web.StreamResponse:
    """Everything goes inline into the commit: this server keeps no git-lfs objects, so a file that
    is too large for git is refused here, before anything is sent."""
    if call.flag("create_pr"):
        raise ApiError(400, "This server has no pull requests")
    body = await call.body(Preupload)
    if len(body.files) > call.limits.preupload_files:
        raise ApiError(400, f"At most {call.limits.preupload_files} files at once")
    _, head = await branch_of(call)
    limit = min(call.limits.commit_file, call.context.settings.git.push.blob_bytes)
    shown = await call.git(_answers, call.context.content, call.space.key, head, body, limit)
    return answer({"files": shown, "commitOid": head})


def _answers(
    content: Content, key: SpaceKey, head: str, body: Preupload, limit: int
) -> list[dict[str, Any]]:
    ignored = _ignored(content, key, head, body.gitIgnore)
    return [_one(content, key, head, file, ignored, limit) for file in body.files]


def _one(
    content: Content, key: SpaceKey, head: str, file: File, ignored: GitIgnoreSpec, limit: int
) -> dict[str, Any]:
    ignore = ignored.match_file(file.path)
    if file.size > limit and not ignore:
        raise ApiError(
            400,
            f"{file.path[:200]} has {file.size} bytes. This server keeps no git-lfs objects, and "
            f"files in git have at most {limit} bytes.",
        )
    shown: dict[str, Any] = {"path": file.path, "uploadMode": "regular", "shouldIgnore": ignore}
    try:
        entry = content.entry(key, head, file.path)
    except NotFound:
        return shown
    if entry.kind is Kind.FILE and pointer_of(content, key, head, entry) is None:
        shown["oid"] = entry.oid
    return shown


def _ignored(content: Content, key: SpaceKey, head: str, given: str | None) -> GitIgnoreSpec:
    """The rules that came along, else those of the repository; unreadable ones ignore nothing."""
    text = given
    if text is None:
        try:
            text = content.read(key, head, IGNORE_FILE, IGNORE_BYTES).decode("utf-8", "replace")
        except (NotFound, TooLarge):
            text = ""
    lines = text[:IGNORE_BYTES].splitlines()[:IGNORE_LINES]
    usable = [line for line in lines if line.replace("**", "*").count("*") <= MOST_STARS]
    try:
        return GitIgnoreSpec.from_lines(usable)
    except ValueError:
        return GitIgnoreSpec.from_lines([])
