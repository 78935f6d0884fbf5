"""What builds that did not end well leave: containers, half-made folders, results nobody wants."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import suppress

from builder.folders import discard
from builder.places import Places
from spaceport.artifact import Artifact, ArtifactKind
from spaceport.engine import (
    LABEL_BUILD,
    LABEL_REPLICA,
    LABEL_SPACE,
    Engine,
    EngineDown,
    EngineRefused,
)
from spaceport.names import SpaceKey

logger = logging.getLogger(__name__)


class Leftovers:
    def __init__(self, engine: Engine, places: Places) -> None:
        self._engine = engine
        self._places = places

    def remove(self) -> None:
        """At start, when no build of ours runs: everything that dead ones left."""
        try:
            self._remove_containers({})
        except EngineDown:
            logger.warning("the engine does not answer: containers of old builds stay for now")
        self.remove_folders()

    def remove_containers_of(self, key: SpaceKey) -> None:
        """Before a Space is built again, whose last build lost its engine. Raises `EngineDown`."""
        self._remove_containers({LABEL_SPACE: key})

    def _remove_containers(self, labels: Mapping[str, str]) -> None:
        for found in self._engine.list(labels):
            if LABEL_BUILD in found.labels and LABEL_REPLICA not in found.labels:
                self._engine.remove(found.handle)

    def remove_folders(self) -> None:
        for parent in (
            self._places.scratch,
            self._places.shared / "jobs",
            *self._places.private.glob("*/jobs"),
        ):
            if parent.is_dir() and not parent.is_symlink():
                for folder in parent.iterdir():
                    discard(folder)

    def drop(self, artifact: Artifact) -> None:
        """The result of a build that was superseded at its very end, as far as it is its own.

        Environments and plain checkouts are shared by name and left to the collector.
        """
        if artifact.kind is ArtifactKind.IMAGE:
            with suppress(EngineDown, EngineRefused):
                self._engine.remove_image(artifact.image)
        if artifact.kind is ArtifactKind.FOLDER:
            folder = self._places.data / artifact.folder
            if "-" in folder.name:  # made by a command; a plain checkout is named by revision
                discard(folder)
