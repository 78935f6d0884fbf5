"""Is a build due? Pure; asked at every event of a Space and once a minute."""

from __future__ import annotations

from dataclasses import dataclass

from builder.inputs import Settings, inputs_digest
from spaceport.ledger.builds import Build
from spaceport.ledger.spaces import Space
from spaceport.stage import Wanted
from spaceport.states import BuildState


@dataclass(frozen=True)
class Due:
    """A build to queue, and why, for the log."""

    revision: str
    why: str
    factory_generation: int
    inputs: str = ""


def due(space: Space, newest: Build | None, settings: Settings) -> Due | None:
    """The build that this Space lacks, if any.

    A failed build is tried again only for a reason: a push, a restart asked for after it, a
    factory rebuild, or a change of what it uses. A paused Space waits until it is restarted, a
    preview until it is visited, one that was rolled back until something is pushed.
    """
    if space.deleted_at is not None or space.head is None or space.held:
        return None
    if space.wanted is Wanted.PAUSED or space.dormant:
        return None
    digest = inputs_digest(newest.plan, settings) if newest is not None else ""
    why = _reason(space, newest, digest)
    if why is None:
        return None
    return Due(space.head, why, space.factory_generation, digest)


def _reason(space: Space, newest: Build | None, digest: str) -> str | None:
    if newest is None:
        return "first build"
    if newest.revision != space.head:
        return "new revision"
    if newest.factory_generation < space.factory_generation:
        return "factory rebuild"
    if newest.state in (BuildState.INTERRUPTED, BuildState.SUPERSEDED):
        return "the last build was interrupted"
    if newest.state.open:
        return None  # its plan reads the settings when it starts
    if digest != newest.plan.get("settings", ""):
        return "a variable or secret that the build uses was changed"
    restarted = space.restart_generation > newest.plan.get("restart_generation", 0)
    if newest.state is BuildState.FAILED and restarted:
        return "restart after a failed build"
    return None


def unwanted(space: Space, build: Build) -> bool:
    """Whether a build under way should end now."""
    if space.deleted_at is not None or space.wanted is Wanted.PAUSED or space.held:
        return True
    return build.revision != space.head or build.factory_generation < space.factory_generation
