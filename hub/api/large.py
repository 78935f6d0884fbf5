"""Files that are kept in git-lfs, as the API shows and takes them: by content, not by pointer."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from gitserver.changes import AddFile, AddPointer
from gitserver.content import Content, Kind, TooLarge, TreeEntry
from gitserver.lfs.attributes import MAX_BYTES as ATTRIBUTES_BYTES
from gitserver.lfs.attributes import Attributes
from gitserver.lfs.objects import LargeObjects
from gitserver.pointer import MAX_BYTES, Pointer, parse_pointer
from hub.api.blob_id import blob_id
from spaceport.errors import NotFound
from spaceport.names import SpaceKey


def pointer_of(content: Content, key: SpaceKey, revision: str, entry: TreeEntry) -> Pointer | None:
    """The pointer that this file is, or None; reads only files that are small enough to be one."""
    if entry.kind is not Kind.FILE or not 0 < entry.size <= MAX_BYTES:
        return None
    return parse_pointer(content.read(key, revision, entry.path, MAX_BYTES))


def lfs_json(
    content: Content, key: SpaceKey, revision: str, entry: TreeEntry
) -> dict[str, Any] | None:
    """`{oid, sha256, size, pointerSize}`, or None for an ordinary file."""
    pointer = pointer_of(content, key, revision, entry)
    if pointer is None:
        return None
    return {
        "oid": pointer.oid,
        "sha256": pointer.oid,
        "size": pointer.size,
        "pointerSize": entry.size,
    }


def attributes_of(
    content: Content, key: SpaceKey, revision: str, changed: Mapping[str, bytes] | None = None
) -> Attributes:
    """The `.gitattributes` of a revision, with files that are about to change."""

    def read(path: str) -> bytes | None:
        if changed is not None and path in changed:
            return changed[path]
        try:
            return content.read(key, revision, path, ATTRIBUTES_BYTES)
        except (NotFound, TooLarge):
            return None

    return Attributes(read)


def as_pointer(
    large: LargeObjects, key: SpaceKey, actor_id: str | None, file: AddFile
) -> AddPointer:
    """Keep the content as a large object of the Space. Raises `QuotaFull`, `OSError`. Blocks.

    Clients compare such a file by git's name of its content, since they sent it as an ordinary one.
    """
    oid, size = hashlib.sha256(file.data).hexdigest(), len(file.data)
    large.put(key, actor_id, oid, size, [file.data], blob_id=blob_id(file.data))
    return AddPointer(file.path, Pointer(oid, size))
