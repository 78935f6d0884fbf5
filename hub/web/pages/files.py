"""Files of a revision: folders, single files, the rendered README, raw bytes, the history."""

from __future__ import annotations

import os
from dataclasses import dataclass
from urllib.parse import unquote

from aiohttp import web
from markupsafe import Markup

from gitserver.content import Content, Kind, TooLarge, TreeEntry
from gitserver.history import Commit
from gitserver.pointer import MAX_BYTES as POINTER_BYTES
from gitserver.pointer import parse_pointer
from hub.web import code, markdown
from hub.web.pages.space import header_of
from hub.web.security import PICTURES, ending, raw_headers
from hub.web.templating import segment
from hub.web.visit import Visit
from spaceport.authorize import Action
from spaceport.errors import NotFound
from spaceport.frontmatter import body_of
from spaceport.names import SpaceKey

RAW_LIMIT = 10 * 1024 * 1024
SHOWN = 1_000  # entries of a folder on one page
HISTORY = 50
POINTERS = range(120, 150)  # bytes of what git-lfs writes


@dataclass(frozen=True)
class Where:
    """A path in a revision, as the address names it."""

    base: str  # /spaces/author/name
    rev: str  # as typed: a branch, a tag or an id
    path: str

    def url(self, view: str, path: str | None = None) -> str:
        inside = segment(self.path if path is None else path)
        return f"{self.base}/{view}/{segment(self.rev, '')}" + (f"/{inside}" if inside else "")

    @property
    def parts(self) -> list[tuple[str, str]]:
        """Each folder on the way with its own path: for the line above the files."""
        names = self.path.split("/") if self.path else []
        return [(name, "/".join(names[: at + 1])) for at, name in enumerate(names)]


@dataclass(frozen=True)
class FileView:
    """How a file is shown: as a picture, as lines, as a rendered README, or only as a link."""

    size: int
    picture: bool = False
    large: bool = False  # a git-lfs pointer; `listing` is the pointer's text
    listing: code.Listing | None = None
    rendered: Markup | None = None


async def tree(visit: Visit) -> web.StreamResponse:
    """`GET .../tree/{rev}/{path}`."""
    view = await visit.space(Action.READ)
    where = _where(visit)

    def look() -> tuple[list[TreeEntry], dict[str, int], Commit | None, Markup | None]:
        content, key = visit.context.content, view.space.key
        revision = _resolve(content, key, where.rev)
        if revision is None:
            return [], {}, None, None
        entries = sorted(
            content.tree(key, revision, where.path),
            key=lambda entry: (entry.kind is not Kind.DIRECTORY, entry.path.lower()),
        )
        return (
            entries,
            _large(content, key, revision, entries[:SHOWN]),
            content.commit(key, revision),
            _readme(content, key, revision, where, entries),
        )

    entries, large, commit, readme = await visit.on("git", look)
    return visit.page(
        "files.html",
        header=await header_of(visit, view),
        tab="files",
        where=where,
        entries=entries[:SHOWN],
        large=large,
        hidden=max(0, len(entries) - SHOWN),
        commit=commit,
        readme=readme,
        branches=await _branches(visit, view.space.key),
    )


async def blob(visit: Visit) -> web.StreamResponse:
    """`GET .../blob/{rev}/{path}`."""
    view = await visit.space(Action.READ)
    where = _where(visit)

    def look() -> FileView:
        content, key = visit.context.content, view.space.key
        revision = content.resolve(key, where.rev)
        return _file_view(content, key, revision, where)

    shown = await visit.on("git", look)
    return visit.page(
        "file.html",
        header=await header_of(visit, view),
        tab="files",
        where=where,
        file=shown,
    )


async def raw(visit: Visit) -> web.StreamResponse:
    """`GET .../raw/{rev}/{path}`: the bytes, which run nowhere (WEB-01)."""
    view = await visit.space(Action.READ)
    where = _where(visit)

    def look() -> bytes:
        content, key = visit.context.content, view.space.key
        revision = content.resolve(key, where.rev)
        if content.entry(key, revision, where.path).kind is not Kind.FILE:
            raise NotFound("There is no such file.")
        return content.read(key, revision, where.path, RAW_LIMIT)

    data = await visit.on("git", look)
    return web.Response(body=data, headers=raw_headers(where.path, data[:1024]))


async def commits(visit: Visit) -> web.StreamResponse:
    """`GET .../commits/{rev}`."""
    view = await visit.space(Action.READ)
    where = _where(visit)
    page = visit.query.get("page", "0")
    skip = HISTORY * (int(page) if page.isascii() and page.isdigit() and len(page) < 5 else 0)

    def look() -> list[Commit]:
        content, key = visit.context.content, view.space.key
        revision = _resolve(content, key, where.rev)
        return [] if revision is None else content.commits(key, revision, skip, HISTORY + 1)

    found = await visit.on("git", look)
    return visit.page(
        "commits.html",
        header=await header_of(visit, view),
        tab="files",
        where=where,
        commits=found[:HISTORY],
        page=skip // HISTORY,
        more=len(found) > HISTORY,
    )


def _where(visit: Visit) -> Where:
    """From the raw address, since a branch may have slashes, escaped, and a name any bytes."""
    parts = visit.request.rel_url.raw_path.split("/")
    author, name, _view, rev, *path = parts[2:]
    named = [unquote(part, errors="surrogateescape") for part in path if part]
    return Where(f"/spaces/{author}/{name}", unquote(rev), "/".join(named))


def _resolve(content: Content, key: SpaceKey, rev: str) -> str | None:
    """The commit; None for a `main` that nobody has pushed yet."""
    try:
        return content.resolve(key, rev)
    except NotFound:
        if rev == "main":
            return None
        raise


async def _branches(visit: Visit, key: SpaceKey) -> list[str]:
    refs = await visit.on("git", visit.context.content.refs, key)
    found = sorted(ref.removeprefix("refs/heads/") for ref in refs if ref.startswith("refs/heads/"))
    return found[:200]


def _large(
    content: Content, key: SpaceKey, revision: str, entries: list[TreeEntry]
) -> dict[str, int]:
    """Sizes of the files that git-lfs keeps, by path. Pointers with more than what git-lfs writes
    are shown as the files that they are: no folder is worth reading all of its files."""
    found = {}
    for entry in entries:
        if entry.kind is Kind.FILE and entry.size in POINTERS:
            pointer = parse_pointer(content.read(key, revision, entry.path, POINTER_BYTES))
            if pointer is not None:
                found[entry.path] = pointer.size
    return found


def _readme(
    content: Content, key: SpaceKey, revision: str, where: Where, entries: list[TreeEntry]
) -> Markup | None:
    """The README of this folder, rendered."""
    for entry in entries:
        name = entry.path.rpartition("/")[2]
        if name == "README.md" and entry.kind is Kind.FILE and entry.size <= markdown.MAX_BYTES:
            data = content.read(key, revision, entry.path, markdown.MAX_BYTES)
            return _rendered(data, where, where.path)
    return None


def _rendered(data: bytes, where: Where, folder: str) -> Markup:
    text = data.decode("utf-8", "replace")
    place = markdown.Place(where.base, where.rev, os.fsencode(folder).decode("utf-8", "replace"))
    return markdown.render(body_of(text), place)


def _file_view(content: Content, key: SpaceKey, revision: str, where: Where) -> FileView:
    entry = content.entry(key, revision, where.path)
    if entry.kind in (Kind.DIRECTORY, Kind.SUBMODULE):
        raise NotFound("This is a folder, not a file.")
    if ending(where.path) in PICTURES and entry.kind is Kind.FILE and entry.size > POINTER_BYTES:
        return FileView(entry.size, picture=entry.size <= RAW_LIMIT)
    try:
        data = content.read(key, revision, where.path, code.MAX_BYTES)
    except TooLarge:
        return FileView(entry.size)
    pointer = parse_pointer(data)
    if pointer is not None:
        picture = ending(where.path) in PICTURES and pointer.size <= RAW_LIMIT
        return FileView(pointer.size, picture, large=True, listing=code.listing("x.txt", data))
    if ending(where.path) in PICTURES and entry.kind is Kind.FILE:
        return FileView(entry.size, picture=True)
    folder = where.path.rpartition("/")[0]
    rendered = _rendered(data, where, folder) if ending(where.path) == "md" else None
    return FileView(entry.size, listing=code.listing(where.path, data), rendered=rendered)
