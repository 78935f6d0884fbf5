"""The files of Spaces for those that mount them (`runtime.storage.needs.Sources`)."""

from __future__ import annotations

import shutil

from gitserver.export import Exporter
from hub.context import HubContext
from spaceport.failpoints import failpoint
from spaceport.names import SpaceKey, new_key


class RepositorySources:
    """Revisions, laid out as for a build: large files are links to the stored ones."""

    def __init__(self, context: HubContext) -> None:
        self._context = context
        self._exporter = Exporter(context.repositories)

    def commit(self, key: SpaceKey, revision: str | None) -> str:
        """Raises `NotFound`."""
        return self._context.content.resolve(key, revision or "main")

    def lay_out(self, key: SpaceKey, commit: str, folder: str) -> None:
        """Beside its place first, so that a crash leaves nothing half there."""
        final = self._context.data / folder
        if final.exists():
            return
        half = final.with_name(f"{final.name}.{new_key()}")
        half.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._exporter.export(key, commit, half, self._context.large.files_of(key))
            failpoint("share:before-rename")
            half.rename(final)
        except BaseException:
            shutil.rmtree(half, ignore_errors=True)
            raise
