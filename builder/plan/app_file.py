"""The file without which there is nothing to run."""

from __future__ import annotations

from builder.failed import BuildFailed
from builder.files import Read
from spaceport.cause import Cause

_POINTER = b"version https://git-lfs.github.com/spec/"


def require(app_file: str, read: Read) -> bytes:
    """Its content. Raises `BuildFailed` with NO_APP_FILE or LFS_OBJECT_MISSING."""
    content = read(app_file)
    if content is None:
        raise BuildFailed.of(Cause.NO_APP_FILE, app_file=app_file)
    if content.startswith(_POINTER):
        raise BuildFailed.of(Cause.LFS_OBJECT_MISSING, path=app_file)
    return content
