"""The rungs below a running app, as a pure decision: frozen, swapped out, stopped (engine 5, 8.3).

The row of a replica and its container are two facts. The row says FROZEN first, so that the proxy
sends every request through a thaw before the container is held; when the two disagree, because
of a crash in between or of somebody else's hand, the container is brought to serve.
"""

from __future__ import annotations

from dataclasses import dataclass

from runtime import steps
from runtime.steps import Step
from runtime.view import View
from spaceport.engine import ContainerState
from spaceport.ledger.replicas import Replica
from spaceport.states import ReleaseState, ReplicaState


@dataclass(frozen=True)
class Rest:
    """What to do for want of visitors, and after how many seconds there may be something."""

    steps: tuple[Step, ...] = ()
    again: float | None = None


def rest(view: View) -> Rest:
    """The lowest rung that the time without use has reached.

    Nothing while a version is on its way: it would be stopped before anybody saw it.
    """
    idle = view.idle_seconds
    if idle is None or is_coming(view):
        return Rest()
    waits = []
    if view.sleep_after is not None:
        if idle >= view.sleep_after:
            return Rest((steps.Sleep(),))
        waits.append(view.sleep_after - idle)
    if not view.engine_up:
        return Rest((), min(waits, default=None))  # what the containers do is not known
    held = tuple(_freezable(view))
    if view.freeze_after is not None and held:
        if idle < view.freeze_after:
            waits.append(view.freeze_after - idle)
        elif any(view.sighting(one).in_flight for one in held):
            waits.append(view.freeze_after)
        else:
            return Rest(tuple(steps.Freeze(one.id, one.handle or "") for one in held))
    in_memory = tuple(_swappable(view))
    if view.swap_after is not None and in_memory:
        if idle >= view.swap_after:
            return Rest(tuple(steps.SwapOut(one.id, one.handle or "") for one in in_memory))
        waits.append(view.swap_after - idle)
    return Rest((), min(waits, default=None))


def disagreement(replica: Replica, state: ContainerState) -> Step | None:
    """What brings a replica's row and its living container together again."""
    if replica.state is ReplicaState.FROZEN and state is ContainerState.RUNNING:
        return steps.Thawed(replica.id)
    held = state is ContainerState.FROZEN
    if held and replica.state in (ReplicaState.STARTING, ReplicaState.READY):
        return steps.Thaw(replica.id, replica.handle or "")
    return None  # one that drains is thawed when it is stopped


def is_coming(view: View) -> bool:
    """Whether a version is on its way."""
    build, newest = view.overview.build, view.overview.release
    building = build is not None and build.state.open
    return building or (newest is not None and newest.state is ReleaseState.PENDING)


def _freezable(view: View) -> list[Replica]:
    found = []
    for replica in view.overview.replicas:
        seen = view.sighting(replica)
        runs = seen.container is not None and seen.container.state is ContainerState.RUNNING
        if replica.state is ReplicaState.READY and runs and not seen.unfreezable:
            found.append(replica)
    return found


def _swappable(view: View) -> list[Replica]:
    found = []
    for replica in view.overview.replicas:
        seen = view.sighting(replica)
        held = seen.container is not None and seen.container.state is ContainerState.FROZEN
        if replica.state is ReplicaState.FROZEN and held and not seen.swapped:
            found.append(replica)
    return found
