"""Files that are kept in git-lfs, as the API shows them: by their content, not their pointer."""

from __future__ import annotations

from typing import Any

from gitserver.content import Content, Kind, TreeEntry
from gitserver.pointer import MAX_BYTES, Pointer, parse_pointer
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
