"""What a repository contains: trees, paths, refs, commits (hub-api 5)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web

from gitserver.content import Kind, TreeEntry
from gitserver.history import Commit
from hub.api.body import Body, read_bytes
from hub.api.call import ON, Call, answer
from hub.api.errors import ApiError, entry_not_found, revision_not_found
from hub.api.large import lfs_json
from hub.api.pages import limit_of, next_link, offset_of
from hub.api.wire import stamp
from spaceport.errors import NotFound
from spaceport.push import pull_number

TREE_PAGE = 1000
EXPANDED_PAGE = 200  # fewer at once: each entry's last commit is looked for in the history
LAST_SECOND = 253_402_300_799  # of the year 9999
HEADS, TAGS, PULLS = "refs/heads/", "refs/tags/", "refs/pr/"


class Paths(Body):
    paths: list[str]
    expand: bool = False


async def revision_of(call: Call) -> str:
    """The commit that `{rev}` of the path names. Raises `RevisionNotFound`."""
    try:
        return await call.git(call.context.content.resolve, call.space.key, call.part("rev"))
    except NotFound:
        raise revision_not_found(call.part("rev")) from None


async def branch_of(call: Call, name: str) -> tuple[str, str]:
    """The branch of that name, short or whole, and its commit. Raises `RevisionNotFound`."""
    ref = name if name.startswith(HEADS) else f"{HEADS}{name}"
    refs = await call.git(call.context.content.refs, call.space.key)
    if ref not in refs:
        raise revision_not_found(name)
    return ref, refs[ref]


async def tree(call: Call) -> web.StreamResponse:
    """The entries of a folder, with `recursive` all below it, in pages."""
    path = call.request.match_info.get("path", "").strip("/")
    revision = await revision_of(call)
    try:
        found = await call.git(
            call.context.content.tree, call.space.key, revision, path, call.flag("recursive")
        )
    except NotFound:
        raise entry_not_found(path, revision) from None
    expand = call.flag("expand")
    most = EXPANDED_PAGE if expand else TREE_PAGE
    limit = min(limit_of(call), most) if "limit" in call.request.query else most
    start = offset_of(call)
    page = found[start : start + limit]
    shown = await call.git(_entries, call, revision, page, expand)
    headers = {"X-Repo-Commit": revision}
    if start + limit < len(found):
        headers["Link"] = next_link(call, p=str(start + limit))
    return answer(shown, headers=headers)


async def paths_info(call: Call) -> web.StreamResponse:
    """The entries of the given paths; those that are not there are left out. A form, or JSON."""
    asked = await _paths(call)
    paths = asked.paths
    if len(paths) > call.limits.paths:
        raise ApiError(400, f"At most {call.limits.paths} paths can be asked about at once")
    revision = await revision_of(call)
    return answer(await call.git(_known, call, revision, paths, asked.expand))


async def refs(call: Call) -> web.StreamResponse:
    """Branches and tags, and pull requests if they are asked for, with the commits they lead to."""
    return answer(await call.git(_refs, call, call.flag("include_prs")))


async def commits(call: Call) -> web.StreamResponse:
    """The history of a revision, newest first, in pages."""
    revision = await revision_of(call)
    limit, start = limit_of(call), offset_of(call)
    found = await call.git(call.context.content.commits, call.space.key, revision, start, limit + 1)
    headers = {"Link": next_link(call, p=str(start + limit))} if len(found) > limit else None
    return answer([_commit(commit) for commit in found[:limit]], headers=headers)


def _entries(
    call: Call, revision: str, found: list[TreeEntry], expand: bool
) -> list[dict[str, Any]]:
    """With `expand` also the last commit of each, where it can be told in time. Blocks."""
    shown = [_entry(call, revision, entry) for entry in found]
    if expand:
        paths = [entry.path for entry in found]
        last = call.context.content.last_commits(call.space.key, revision, paths)
        for each in shown:
            commit = last.get(each["path"])
            if commit is not None:
                each["lastCommit"] = {
                    "id": commit.oid,
                    "title": commit.title,
                    "date": _date(commit),
                }
    return shown


def _entry(call: Call, revision: str, entry: TreeEntry) -> dict[str, Any]:
    if entry.kind is Kind.DIRECTORY:
        return {"type": "directory", "oid": entry.oid, "size": 0, "path": entry.path}
    shown: dict[str, Any] = {
        "type": "file" if entry.kind in (Kind.FILE, Kind.SYMLINK) else "submodule",
        "oid": entry.oid,
        "size": entry.size,
        "path": entry.path,
    }
    large = lfs_json(call.context.content, call.space.key, revision, entry)
    if large is not None:
        shown |= {"lfs": large, "size": large["size"]}
    return shown


def _known(call: Call, revision: str, paths: list[str], expand: bool) -> list[dict[str, Any]]:
    found = []
    for path in paths:
        if not path.strip("/"):
            continue
        try:
            found.append(call.context.content.entry(call.space.key, revision, path))
        except NotFound:
            continue
    return _entries(call, revision, found, expand)


async def _paths(call: Call) -> Paths:
    """A form, as the client sends it, or JSON."""
    if call.request.content_type == "application/json":
        return await call.body(Paths)
    data = await read_bytes(call.request, call.limits.json_bytes, call.limits.body_idle)
    try:
        pairs = parse_qsl(data.decode(), keep_blank_values=True, max_num_fields=5000)
    except ValueError:
        raise ApiError(400, "The form is not valid") from None
    paths = [value for name, value in pairs if name in ("paths", "paths[]")]
    expand = any(name == "expand" and value.lower() in ON for name, value in pairs)
    return Paths(paths=paths, expand=expand)


def _refs(call: Call, pulls: bool) -> dict[str, Any]:
    content, key = call.context.content, call.space.key
    kinds = {HEADS: "branches", TAGS: "tags"} | ({PULLS: "pullRequests"} if pulls else {})
    found: dict[str, Any] = {"converts": []} | {kind: [] for kind in kinds.values()}
    for ref in sorted(content.refs(key), key=lambda ref: (pull_number(ref) or 0, ref)):
        for prefix, kind in kinds.items():
            if ref.startswith(prefix):
                name, target = ref.removeprefix(prefix), content.resolve(key, ref)
                found[kind].append({"name": name, "ref": ref, "targetCommit": target})
    return found


def _commit(commit: Commit) -> dict[str, Any]:
    return {
        "id": commit.oid,
        "title": commit.title,
        "message": commit.body,
        "date": _date(commit),
        "authors": [{"user": commit.author.name}],
    }


def _date(commit: Commit) -> str:
    """A commit may claim any second; those beyond the calendar are its last one."""
    return stamp(datetime.fromtimestamp(min(commit.author.seconds(), LAST_SECOND), UTC))
