"""The lines of a commit's body, checked and turned into operations (hub-api 6.3, API-14)."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from gitserver.changes import AddFile, AddPointer, DeleteFile, DeleteFolder, Operation
from gitserver.content import Content, Kind
from gitserver.lfs.batch import is_oid
from gitserver.lfs.objects import LargeObjects
from gitserver.pointer import Pointer
from hub.api.body import Body, parse_json, validate
from hub.api.errors import ApiError
from hub.api.large import as_pointer, attributes_of
from hub.api.tracking import missing_rules
from spaceport.errors import NotFound
from spaceport.names import SpaceKey

MISSING = "A file with this name doesn't exist"
_PARENT = re.compile(r"[0-9a-f]{5,40}")
DEPTH = 8


class Header(Body):
    summary: str = ""
    description: str | None = None
    parentCommit: str | None = None


class File(Body):
    path: str
    content: str
    encoding: str = "utf-8"


class LfsFile(Body):
    path: str
    algo: str = "sha256"
    oid: str
    size: int | None = None


class Path(Body):
    path: str


@dataclass
class Draft:
    """What was read of a commit so far."""

    summary: str = ""
    description: str = ""
    parent: str | None = None
    added: list[AddFile] = field(default_factory=list)
    large: list[LfsFile] = field(default_factory=list)  # uploaded before
    deleted: list[tuple[str, bool]] = field(default_factory=list)  # path, meant as a folder

    @property
    def count(self) -> int:
        return len(self.added) + len(self.large) + len(self.deleted)

    @property
    def message(self) -> str:
        body = self.description.strip()
        return f"{self.summary}\n\n{body}" if body else self.summary


def read_line(draft: Draft, line: bytes, first: bool, file_limit: int) -> None:
    """Take one line into the draft. Raises 400 and 422 that say what is wrong with it."""
    found = parse_json(line, DEPTH)
    key = found.get("key") if isinstance(found, dict) else None
    value: Any = found.get("value") if isinstance(found, dict) else None
    if first != (key == "header"):
        raise ApiError(400, "The first line, and no other, is the header")
    if key == "header":
        _header(draft, validate(Header, value))
    elif key == "file":
        file = validate(File, value)
        draft.added.append(AddFile(_plain(file.path, new=True), _content(file, file_limit)))
    elif key in ("deletedFile", "deletedFolder"):
        path = validate(Path, value).path
        path = path.removesuffix("/") if key == "deletedFolder" else path
        draft.deleted.append((_plain(path, new=False), key == "deletedFolder"))
    elif key == "lfsFile":
        draft.large.append(_large(validate(LfsFile, value)))
    else:
        raise ApiError(400, f"There is no operation {str(key)[:40]!r}")


def operations(
    content: Content,
    large: LargeObjects,
    key: SpaceKey,
    actor_id: str | None,
    revision: str,
    draft: Draft,
) -> Sequence[Operation]:
    """Deletions first, as the original; a folder may be named as a file. Blocks.

    A file that `.gitattributes` gives to git-lfs becomes a large object here (hub-api 8.2).
    Raises `NotFound` for a path to delete that is not there, 422 for an object that was not
    uploaded.
    """
    deletions: list[Operation] = []
    for path, as_folder in draft.deleted:
        folder = content.entry(key, revision, path).kind is Kind.DIRECTORY
        if as_folder and not folder:
            raise NotFound(MISSING)
        deletions.append(DeleteFolder(path) if folder else DeleteFile(path))
    return [*deletions, *_added(content, large, key, actor_id, revision, draft)]


def _added(
    content: Content,
    large: LargeObjects,
    key: SpaceKey,
    actor_id: str | None,
    revision: str,
    draft: Draft,
) -> list[Operation]:
    pointers = _pointers(large, key, draft)  # first: nothing is kept for what is refused
    rules = attributes_of(content, key, revision, {file.path: file.data for file in draft.added})
    files: list[Operation] = [
        as_pointer(large, key, actor_id, file) if file.data and rules.is_large(file.path) else file
        for file in draft.added
    ]
    tracked = missing_rules(rules, [file.path for file in draft.large])
    return [*files, *([] if tracked is None else [tracked]), *pointers]


def _pointers(large: LargeObjects, key: SpaceKey, draft: Draft) -> list[Operation]:
    """Of what was uploaded to this very Space; knowing a hash gives nothing (LFS-04, LFS-17)."""
    held = large.held(key, [file.oid for file in draft.large])
    pointers: list[Operation] = []
    for file in draft.large:
        found = held.get(file.oid)
        if found is None or file.size not in (None, found.size):
            raise ApiError(
                422,
                f"{file.path[:200]}: the object {file.oid} was not uploaded to this repository",
            )
        pointers.append(AddPointer(file.path, Pointer(found.oid, found.size)))
    return pointers


def _large(file: LfsFile) -> LfsFile:
    if file.algo != "sha256" or not is_oid(file.oid):
        raise ApiError(422, f"{file.path[:200]}: an object has a sha256 of 64 hexadecimal digits")
    _plain(file.path, new=True)
    return file


def _plain(path: str, *, new: bool) -> str:
    """Return the path, or raise 422; git's own rules come later (`gitserver.worktree`).

    A new name may not hold a back-slash, which is a separator to some clients. One that came by a
    push can still be removed.
    """
    odd = any(part in ("", ".", "..") for part in path.split("/")) or "\0" in path
    if odd or (new and "\\" in path):
        raise ApiError(422, f"The path {path[:200]!r} is not allowed")
    return path


def _header(draft: Draft, header: Header) -> None:
    if not header.summary.strip():
        raise ApiError(400, "A commit needs a summary")
    if header.parentCommit is not None and not _PARENT.fullmatch(header.parentCommit):
        raise ApiError(400, "parentCommit has 5 to 40 hexadecimal digits")
    draft.summary = header.summary.strip()
    draft.description = header.description or ""
    draft.parent = header.parentCommit


def _content(file: File, limit: int) -> bytes:
    if file.encoding == "base64":
        try:
            data = base64.b64decode(file.content, validate=True)
        except (binascii.Error, ValueError):
            raise ApiError(400, f"{file.path[:200]}: the content is not base64") from None
    elif file.encoding == "utf-8":
        data = file.content.encode("utf-8", "surrogatepass")
    else:
        raise ApiError(400, f"{file.path[:200]}: the encoding is base64 or utf-8")
    if len(data) > limit:
        raise ApiError(422, f"{file.path[:200]} has {len(data)} bytes, more than {limit}")
    return data
