"""The fixed list of files that a static Space serves (WEB-18, spaces-behaviour 3.5.3).

A laid-out folder never changes, so it is listed once; a request is then one look-up in that list.
What is not in it does not exist: no symbolic link, no dotfile, no way out by `..` or `%2f`.
"""

from __future__ import annotations

import mimetypes
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import unquote_to_bytes


@dataclass(frozen=True)
class Entry:
    """A file as it was listed."""

    size: int
    mtime_ns: int


Listing = Mapping[str, Entry]


def list_folder(root: Path, limit: int) -> Listing:
    """Every regular file below `root` by its path with slashes. Blocks; raises `OSError`.

    Beyond `limit` files the rest is left out, so that one Space cannot fill the memory.
    """
    listing: dict[str, Entry] = {}
    folders = [("", root)]
    while folders:
        prefix, folder = folders.pop()
        with os.scandir(folder) as entries:
            for entry in entries:
                if not _may_be_served(entry.name) or entry.is_symlink():
                    continue
                if entry.is_dir(follow_symlinks=False):
                    folders.append((f"{prefix}{entry.name}/", Path(entry.path)))
                elif entry.is_file(follow_symlinks=False) and len(listing) < limit:
                    found = entry.stat(follow_symlinks=False)
                    listing[prefix + entry.name] = Entry(found.st_size, found.st_mtime_ns)
    return listing


def _may_be_served(name: str) -> bool:
    if name.startswith("."):
        return False
    try:
        name.encode()
    except UnicodeEncodeError:  # not UTF-8 on disk
        return False
    return True


def find(listing: Listing, app_file: str, target: bytes) -> str | None:
    """The file that a request's target means, or None.

    `/` is the app file, `/page` also `page.html`, `/page/` nothing. An app file in a folder
    (`dist/index.html`) is served at `/` too, with that folder's files beside it.
    """
    try:
        path = unquote_to_bytes(target.partition(b"?")[0]).decode()[1:]
    except UnicodeDecodeError:
        return None
    if not path:
        return app_file if app_file in listing else None
    home = app_file.rpartition("/")[0]
    for base in ("", f"{home}/") if home else ("",):
        for name in (f"{base}{path}", f"{base}{path}.html"):
            if name in listing and not (path.endswith("/") or path.startswith("/")):
                return name
    return None


def open_listed(root: Path, name: str, entry: Entry) -> int:
    """A descriptor of the file. Raises `OSError`, also when it is not what was listed."""
    descriptor = os.open(root / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode) or found.st_size != entry.size:
        os.close(descriptor)
        raise OSError(f"{name} is not what it was")
    return descriptor


_TYPES = mimetypes.MimeTypes(filenames=())  # the same on every machine
for _suffix, _type in {
    ".avif": "image/avif",
    ".gltf": "model/gltf+json",
    ".glb": "model/gltf-binary",
    ".ipynb": "application/json",
    ".jsonl": "application/jsonl",
    ".js": "text/javascript",
    ".md": "text/markdown",
    ".mjs": "text/javascript",
    ".parquet": "application/vnd.apache.parquet",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
    ".yaml": "text/plain",
    ".yml": "text/plain",
}.items():
    _TYPES.add_type(_type, _suffix)
_TEXTUAL = ("application/json", "application/manifest+json", "image/svg+xml", "application/xml")


def content_type(name: str) -> str:
    """By the file's suffix; unknown ones are bytes, or text where the name has no suffix."""
    kind, encoding = _TYPES.guess_type(name, strict=False)
    if encoding is not None:
        return {"gzip": "application/gzip"}.get(encoding, "application/octet-stream")
    if kind is None:
        unknown = PurePosixPath(name).suffix
        return "application/octet-stream" if unknown else "text/plain; charset=utf-8"
    if kind.startswith("text/") or kind in _TEXTUAL:
        return f"{kind}; charset=utf-8"
    return kind
