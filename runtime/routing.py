"""From the ledger to the route of a Space; pure but for the dial that it carries."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from runtime.proxy.routes import Connect, Folder, Replicas, Route, Thaw, Upstream
from spaceport.addresses import page_path
from spaceport.artifact import ArtifactKind
from spaceport.card import Card
from spaceport.ledger.former_ids import FormerId
from spaceport.ledger.overview import Overview
from spaceport.ledger.replicas import Replica
from spaceport.ledger.spaces import Visibility
from spaceport.stage import Stage
from spaceport.states import ReplicaState

QUICK, SLOW = 2, 10  # Retry-After in seconds: it is about to start; somebody has to do something


@dataclass(frozen=True)
class Surroundings:
    """What a route needs besides the ledger."""

    data: Path
    hub_url: str
    dial: Callable[[Replica], Connect]
    thaw: Callable[[Replica], Thaw]


def route_of(view: Overview, around: Surroundings) -> Route | None:
    """None for a deleted Space: its host leads nowhere."""
    space, standing = view.space, view.standing
    if space.deleted_at is not None:
        return None
    stage, told = standing.stage, standing.explanation
    wakes = stage is Stage.SLEEPING and space.budget_spent is None
    being_made = stage is Stage.BUILDING and space.ref is not None  # a preview, for its visitor
    card = Card.from_json((view.live.card if view.live else space.card) or {})
    return Route(
        label=space.host_label,
        space_key=space.key,
        space_id=space.id,
        stage=stage,
        target=_target(view, around) if stage.serving else None,
        hub_url=f"{around.hub_url}{page_path(space)}",
        private=space.visibility is Visibility.PRIVATE,
        cause=told.sentence if told else "",
        hint=told.hint if told else "",
        custom_headers=tuple(card.custom_headers.items()),
        disable_embedding=card.disable_embedding,
        retry_after=QUICK if not stage.settled or wakes else SLOW,
        wakes=wakes,
        expected=stage is Stage.APP_STARTING or wakes or being_made,
    )


def redirects(route: Route, former: Iterable[FormerId]) -> tuple[Route, ...]:
    """From the hosts that a Space had before to the one that it has now (13.1.4)."""
    labels = (one.label for one in former)
    return tuple(
        replace(route, label=label, target=None, moved_to=route.label)
        for label in labels
        if label is not None and label != route.label
    )


def _target(view: Overview, around: Surroundings) -> Replicas | Folder | None:
    live = view.live
    if live is not None and live.artifact.kind is ArtifactKind.FOLDER:
        return Folder(
            root=around.data / live.artifact.folder,
            app_file=live.artifact.app_file,
            variables={**live.variables, "SPACE_CREATOR_USER_ID": view.space.creator_id},
        )
    own = [one for one in view.serving if live is not None and one.release_id == live.id]
    upstreams = tuple(_upstream(replica, around) for replica in own or view.serving)
    return Replicas(upstreams) if upstreams else None


def _upstream(replica: Replica, around: Surroundings) -> Upstream:
    return Upstream(
        replica.id,
        around.dial(replica),
        replica.port,
        frozen=replica.state is ReplicaState.FROZEN,
        thaw=around.thaw(replica),
    )
