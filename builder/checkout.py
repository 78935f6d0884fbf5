"""The files of a revision as an immutable folder: what apps start from and static Spaces show."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from builder.failed import BuildFailed
from builder.folders import discard
from builder.places import Places
from gitserver.content import TooLarge
from gitserver.export import Exporter, Large
from spaceport.cause import Cause
from spaceport.names import SpaceKey, new_key

LargeOf = Callable[[SpaceKey], Large]
"""Gives, for a Space, where the content of its large files lies."""


class Checkouts:
    def __init__(self, places: Places, exporter: Exporter, large_of: LargeOf) -> None:
        self._places = places
        self._exporter = exporter
        self._large_of = large_of

    def lay_out(self, key: SpaceKey, revision: str, repository: SpaceKey | None = None) -> Path:
        """The folder, made unless it is there; whole or not at all. `repository`: whose, if it is
        not the Space's own.

        Raises `BuildFailed` with TOO_LARGE or LFS_OBJECT_MISSING, `NotFound` for no such revision.
        """
        final = self._places.checkout(key, revision)
        if final.is_dir():
            os.utime(final)  # in use from now on: the collector leaves what is young
            return final
        partial = self._places.scratch / new_key()
        try:
            source = repository or key
            report = self._exporter.export(source, revision, partial, self._large_of(source))
            if report.missing_pointers:
                raise BuildFailed.of(Cause.LFS_OBJECT_MISSING, path=report.missing_pointers[0])
            partial.chmod(0o755)
            final.parent.mkdir(parents=True, exist_ok=True)
            _rename(partial, final)
        except TooLarge as error:
            raise BuildFailed.of(Cause.TOO_LARGE, problem=str(error)) from error
        finally:
            discard(partial)
        return final


def _rename(partial: Path, final: Path) -> None:
    try:
        partial.rename(final)
    except OSError:
        if not final.is_dir():
            raise
