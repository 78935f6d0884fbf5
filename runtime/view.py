"""All that a decision about one Space depends on, as one frozen value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from config.runtime import RuntimeSettings
from runtime.diagnosis import Expectations, Findings
from runtime.placement import Placement
from spaceport.artifact import ArtifactKind
from spaceport.card import Card
from spaceport.cause import Failure
from spaceport.engine import Handle, Observed
from spaceport.ledger.builds import Build
from spaceport.ledger.overview import Overview
from spaceport.ledger.releases import Release
from spaceport.ledger.replicas import Replica
from spaceport.states import ReleaseState


@dataclass(frozen=True)
class End:
    """How a container came to its end, diagnosed."""

    failure: Failure
    counts: bool = True  # we saw it run: not an end found after we, or the engine, were away
    outside: bool = False  # a signal that the app did not send itself: an engine that stops


@dataclass(frozen=True)
class Sighting:
    """What is known of a replica besides its row. Seconds, as of the view's moment."""

    container: Observed | None = None
    answered: bool = False
    findings: Findings = field(default_factory=Findings)
    misplaced_for: float | None = None  # it listens since then, but not where it should
    end: End | None = None  # None for an ended container: still being looked into
    draining_for: float = 0.0
    in_flight: int = 0
    unfreezable: bool = False  # the engine refused to freeze it
    evicted: Failure | None = None  # it takes more of the host's disk than it may
    swapped: bool = False  # frozen, and its memory was pushed out, or cannot be


@dataclass(frozen=True)
class Room:
    """Whether the release to be started can be placed now."""

    failure: Failure | None = None  # None: there is room
    lasting: bool = False  # waiting does not help
    without_own: bool = False  # there would be, if the Space's own older replica made way


@dataclass(frozen=True)
class View:
    """`sightings` by replica id; meaningless while `engine_up` is false."""

    now: datetime
    overview: Overview
    settings: RuntimeSettings = field(default_factory=RuntimeSettings)
    engine_up: bool = True
    sightings: Mapping[str, Sighting] = field(default_factory=dict)
    strays: tuple[Handle, ...] = ()  # containers that no living replica claims
    fresh: Build | None = None  # the newest succeeded build, if no release was made of it yet
    gone: Replica | None = None  # the replica that went last
    room: Room = field(default_factory=Room)  # for `target`
    idle_seconds: float | None = None  # since the last use; None: not serving
    sleep_after: float | None = None  # None: never
    freeze_after: float | None = None  # None: never
    swap_after: float | None = None  # None: never

    def sighting(self, replica: Replica) -> Sighting:
        return self.sightings.get(replica.id, Sighting())

    @property
    def writers(self) -> tuple[Replica, ...]:
        """Living replicas that hold a disk which the next one would write to: while there are
        any, no other may start (4.5, single writer)."""
        wanted = self.overview.writes_to
        return tuple(one for one in self.overview.replicas if one.holds & wanted)

    @property
    def target(self) -> Release | None:
        """The release that should run: one that waits for its first answer, else the live one."""
        return target(self.overview)

    def release_of(self, replica: Replica) -> Release | None:
        """The replica's release, if it is one that may run."""
        for release in (self.overview.release, self.overview.live):
            if release is not None and release.id == replica.release_id:
                return release
        return None


def target(overview: Overview) -> Release | None:
    """See `View.target`."""
    newest = overview.release
    if newest is not None and newest.state is ReleaseState.PENDING:
        return newest
    return overview.live


def expectations(release: Release, placement: Placement, settings: RuntimeSettings) -> Expectations:
    """What a healthy app of this release does."""
    card = Card.from_json(release.card)
    return Expectations(
        port=release.artifact.port,
        path=card.base_path,
        startup_seconds=min(card.startup_seconds, settings.start.longest),
        memory=placement.memory_text,
        app_port_setting=release.artifact.kind is ArtifactKind.IMAGE,
    )
