"""The releases of a Space as people see them, and going back to one."""

from __future__ import annotations

from dataclasses import dataclass

from gitserver.objects.entry import BadObject
from hub.context import HubContext
from spaceport.cause import Explanation
from spaceport.errors import SpaceportError
from spaceport.ledger import builds, releases, rollback, spaces
from spaceport.ledger.releases import Release
from spaceport.ledger.rollback import RolledBack
from spaceport.names import SpaceKey
from spaceport.sdk import Sdk

SHOWN = 50


@dataclass(frozen=True)
class Line:
    """One release of the history. `subject` is the commit's first line, empty when it is gone."""

    release: Release
    build: int
    subject: str
    present: bool
    refused: str  # why it cannot be gone back to; empty when it can

    @property
    def offered(self) -> bool:
        return not self.refused and not self.present

    @property
    def cause(self) -> Explanation | None:
        """Why it is not what runs, if something went wrong, or what it waits for."""
        failure = self.release.failure
        return None if failure is None else failure.explain()

    @property
    def hardware(self) -> str | None:
        """None for a static Space, which has none."""
        return None if self.release.card.get("sdk") == Sdk.STATIC else self.release.flavor


def listed(context: HubContext, key: SpaceKey, limit: int = SHOWN) -> list[Line]:
    """Newest first; blocks."""
    with context.ledger.read() as tx:
        repository = spaces.get(tx, key).repository_key
        found = releases.history(tx, key, limit)
        numbers = {one.build_id: builds.get(tx, one.build_id) for one in found}
    subjects = {one.revision: "" for one in found}
    for revision in subjects:
        try:
            subjects[revision] = context.content.commit(repository, revision).title
        except (SpaceportError, BadObject):
            continue  # rewritten history, which upkeep has tidied away
    now = rollback.present(found) if found else None
    lines = []
    for one in found:
        build = numbers[one.build_id]
        lines.append(
            Line(
                release=one,
                build=build.number if build is not None else 0,
                subject=subjects[one.revision],
                present=one is now,
                refused=rollback.why_not(one) or _missing(context, one),
            )
        )
    return lines


def roll_back(
    context: HubContext, key: SpaceKey, number: int | None = None, *, actor_id: str | None = None
) -> RolledBack:
    """Go back to release `number`, or to the version before the present one; blocks.

    The runtime starts it beside what serves and swaps once it answers; no build, no registry.
    Raises `NotFound`, `Invalid` and `Conflict`.
    """
    with context.ledger.write() as tx:
        return rollback.roll_back(
            tx, key, number, missing=lambda one: _gone(context, one), actor_id=actor_id
        )


def _missing(context: HubContext, release: Release) -> str:
    gone = _gone(context, release)
    return f"{gone} is not there any more." if gone else ""


def _gone(context: HubContext, release: Release) -> str:
    """The first folder of a release that is not in the data folder; images the engine tells of."""
    artifact = release.artifact
    sources = [mount.source for mount in artifact.mounts]
    if artifact.folder:
        sources.append(artifact.folder)
    return next((each for each in sources if not (context.data / each).exists()), "")
