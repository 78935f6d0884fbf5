"""What a lane may do, as data: `decide` returns them, `act` performs them.

Each is safe to repeat and safe to lose: after a crash the next decision finds what is left to do.
"""

from __future__ import annotations

from dataclasses import dataclass

from spaceport.cause import Failure
from spaceport.engine import Handle


@dataclass(frozen=True)
class CreateRelease:
    """Make a release of this build with the Space's present settings."""

    build_id: str


@dataclass(frozen=True)
class GoLive:
    """A folder needs no container: its release is live at once."""

    release_id: str


@dataclass(frozen=True)
class Start:
    """Note a replica, place it, start its container."""

    release_id: str


@dataclass(frozen=True)
class Adopt:
    """Note the container that was started for a replica just before a crash of ours."""

    replica_id: str
    handle: Handle


@dataclass(frozen=True)
class Promote:
    """It answered: it takes the requests, its release is live, every other replica drains."""

    replica_id: str


@dataclass(frozen=True)
class Drain:
    """No new request goes there."""

    replica_id: str


@dataclass(frozen=True)
class Stop:
    """End a drained replica and its container; a frozen one would not hear TERM."""

    replica_id: str
    handle: Handle
    frozen: bool = False


@dataclass(frozen=True)
class Gone:
    """Nothing runs for this replica any more, and nobody is to blame."""

    replica_id: str


@dataclass(frozen=True)
class Crashed:
    """It ended (or hangs, then `ended` is false and it is stopped), and will be started again."""

    replica_id: str
    failure: Failure
    ended: bool = True
    first: bool = False  # it had run well before: the count starts anew


@dataclass(frozen=True)
class Fail:
    """The release is given up, with the replica that showed why, if there was one."""

    release_id: str
    failure: Failure
    replica_id: str | None = None
    ended: bool = True


@dataclass(frozen=True)
class Notice:
    """Tell, while the release is waited for, what it waits for; None takes it back."""

    release_id: str
    failure: Failure | None


@dataclass(frozen=True)
class Remove:
    """A container of this Space that no living replica claims."""

    handle: Handle


@dataclass(frozen=True)
class Freeze:
    """Nobody used it for a while: hold its processes, and let the next request wait for a thaw."""

    replica_id: str
    handle: Handle


@dataclass(frozen=True)
class SwapOut:
    """It is frozen, and nobody used it for longer still: its memory goes to swap."""

    replica_id: str
    handle: Handle


@dataclass(frozen=True)
class Thaw:
    """Its container is held although requests go there."""

    replica_id: str
    handle: Handle


@dataclass(frozen=True)
class Thawed:
    """Its container runs although the ledger says that it is held."""

    replica_id: str


@dataclass(frozen=True)
class Sleep:
    """Nobody used it for long enough."""


@dataclass(frozen=True)
class Purge:
    """A deleted Space of which nothing runs any more: drop what is left of it."""


Step = (
    CreateRelease
    | GoLive
    | Start
    | Adopt
    | Promote
    | Drain
    | Stop
    | Gone
    | Crashed
    | Fail
    | Notice
    | Remove
    | Freeze
    | SwapOut
    | Thaw
    | Thawed
    | Sleep
    | Purge
)
