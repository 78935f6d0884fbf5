"""`POST .../preupload/{rev}`: how to send each file, and what is there already (hub-api 6.2)."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from pathspec import GitIgnoreSpec

from gitserver.content import Content, Kind, TooLarge
from hub.api.body import Body
from hub.api.call import Call, answer
from hub.api.errors import ApiError
from hub.api.large import pointer_of
from hub.api.targets import target_of
from hub.context import HubContext
from spaceport.errors import NotFound
from spaceport.ledger import large
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
    """What fits into a commit goes inline, also what `.gitattributes` gives to git-lfs: the server
    then writes the pointer (hub-api 8.2). Larger files go to git-lfs first; what is too large even
    for that is refused here, before anything is sent."""
    target = await target_of(call, call.part("rev"))
    body = await call.body(Preupload)
    if len(body.files) > call.limits.preupload_files:
        raise ApiError(400, f"At most {call.limits.preupload_files} files at once")
    head = target.head
    shown = await call.git(_answers, call.context, call.space.key, head, body)
    return answer({"files": shown, "commitOid": head}, headers=await _warning(call, body, shown))


async def _warning(call: Call, body: Preupload, shown: list[dict[str, Any]]) -> dict[str, str]:
    """Said before the bytes move, since hf_xet keeps to itself why an upload is refused.

    No refusal: what the Space has already, under another name, needs no room.
    """
    size = sum(
        file.size
        for file, each in zip(body.files, shown, strict=True)
        if each["uploadMode"] == "lfs" and not each["shouldIgnore"]
    )
    if not size:
        return {}
    quota = await call.read(lambda tx: call.context.large.quota(tx, call.space.key, call.actor.id))
    if quota.unlimited:
        return {}
    full = await call.write(lambda tx: large.shortage(tx, call.space.key, size, quota))
    return {} if full is None else {"X-HF-Warning": f"quota; {full} {full.hint}"}


def _answers(
    context: HubContext, key: SpaceKey, head: str, body: Preupload
) -> list[dict[str, Any]]:
    ignored = _ignored(context.content, key, head, body.gitIgnore)
    return [_one(context, key, head, file, ignored.match_file(file.path)) for file in body.files]


def _one(context: HubContext, key: SpaceKey, head: str, file: File, ignore: bool) -> dict[str, Any]:
    settings = context.settings
    most = settings.lfs.object_bytes
    if file.size > most and not ignore:
        raise ApiError(
            400, f"{file.path[:200]} has {file.size} bytes; a file has at most {most} bytes here."
        )
    large = file.size > min(settings.hub.api.commit_file, settings.git.push.blob_bytes)
    mode = "lfs" if large else "regular"
    shown: dict[str, Any] = {"path": file.path, "uploadMode": mode, "shouldIgnore": ignore}
    oid = _present(context, key, head, file.path, large=large)
    return shown if oid is None else shown | {"oid": oid}


def _present(
    context: HubContext, key: SpaceKey, head: str, path: str, *, large: bool
) -> str | None:
    """What is there now, by the name that the client compares with: SHA-256 in git-lfs, else git's
    name of the content, also for a content that a pointer stands for."""
    try:
        entry = context.content.entry(key, head, path)
    except NotFound:
        return None
    if entry.kind is not Kind.FILE:
        return None
    pointer = pointer_of(context.content, key, head, entry)
    if large:
        return None if pointer is None else pointer.oid
    if pointer is None:
        return entry.oid
    held = context.large.held(key, [pointer.oid]).get(pointer.oid)
    return None if held is None else held.blob_id


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
