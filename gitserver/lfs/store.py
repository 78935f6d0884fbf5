"""Where the bytes of large objects lie: a folder, or a bucket that speaks S3.

An object's name is the SHA-256 of its content, so it never changes and is kept once for all Spaces.
Which Space holds it is the ledger's affair (`spaceport.ledger.large`), never the store's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from spaceport.errors import Misconfigured, NotFound


class ObjectLost(NotFound):
    """Raised for an object that the ledger names and the store does not have."""


@dataclass(frozen=True)
class Stored:
    """An object in the store; `modified` is seconds since 1970."""

    oid: str
    size: int
    modified: float


class Source(Protocol):
    """An object that is open for reading. `close` it."""

    @property
    def size(self) -> int: ...

    @property
    def descriptor(self) -> int | None:
        """An open file with just these bytes, for sendfile; None where there is none."""
        ...

    def pieces(self, start: int, stop: int) -> Iterator[bytes]:
        """The bytes from `start` up to `stop`, a few hundred KiB at a time. Blocks."""
        ...

    def close(self) -> None: ...


class ObjectStore(Protocol):
    """All calls block. Every `oid` was checked before: 64 lower-case hexadecimal digits."""

    def size(self, oid: str) -> int | None:
        """Bytes of the object, or None if it is not there. A partial one is never there."""
        ...

    def keep(self, staged: Path, oid: str, size: int) -> None:
        """Take in a complete, checked and synced file, which is gone or of no worth afterwards.

        When this returns the object is durable and everybody sees it. It replaces nothing: what
        has the same name has the same bytes (LFS-03). Raises `OSError`, `Unavailable`.
        """
        ...

    def open(self, oid: str) -> Source:
        """Raises `ObjectLost`."""
        ...

    def file(self, oid: str, size: int) -> Path:
        """A local file with the object's bytes that never changes, to hard-link from.

        Raises `ObjectLost`.
        """
        ...

    def remove(self, oid: str) -> None:
        """No error if it is not there."""
        ...

    def listed(self) -> Iterator[Stored]:
        """Every object, in no order."""
        ...

    def trim(self, unused_seconds: float) -> None:
        """Remove local copies, if this store keeps any, that nobody used for so long."""
        ...


def open_store(url: str, data: Path) -> tuple[ObjectStore, Path]:
    """The store of the setting `objects`, and the folder where what comes in waits.

    Empty stands for `objects/` in the data folder, a path or `file://` for another folder,
    `s3://bucket/prefix?endpoint=...&region=...` for S3. Raises `Misconfigured` with what to write.
    """
    from gitserver.lfs.folder import FolderStore

    parts = urlsplit(url)
    if parts.scheme == "s3":
        from gitserver.lfs.s3 import S3Store  # its library is large and few need it

        return S3Store.of_url(url, data / "cache" / "objects"), data / "objects" / "incoming"
    if parts.scheme in ("", "file"):
        folder = FolderStore(Path(parts.path) if url else data / "objects")
        return folder, folder.root / "incoming"
    raise Misconfigured(
        f"The setting objects names {parts.scheme}://, which is no kind of object store here.",
        hint="Write a folder, or s3://bucket/prefix?endpoint=https://host&region=name.",
    )
