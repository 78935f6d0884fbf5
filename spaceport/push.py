"""A push as data: what moved, and why something was refused."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from spaceport.names import SpaceKey

ZERO = "0" * 40
"""The id that stands for "no object" in a ref update (git's null-oid)."""

MAIN = "refs/heads/main"
"""The branch whose head is built."""


@dataclass(frozen=True)
class RefUpdate:
    """One ref moved from `old` to `new`; hex ids of 40 digits, `ZERO` for created or deleted."""

    ref: str
    old: str
    new: str

    @property
    def created(self) -> bool:
        return self.old == ZERO

    @property
    def deleted(self) -> bool:
        return self.new == ZERO


@dataclass(frozen=True)
class Rejection:
    """Why a ref was refused.

    `reason` is the one line behind `ng <ref>`; `message` the text for the person, which says how to
    mend (shown as `remote:` lines).
    """

    ref: str
    reason: str
    message: str = ""


@dataclass(frozen=True)
class Push:
    """One receive-pack, or one commit through the API, as the hooks see it."""

    space: SpaceKey
    actor_id: str | None
    updates: tuple[RefUpdate, ...]
    options: tuple[str, ...] = ()
    at: datetime | None = None
    address: str = ""
    detail: dict[str, str] = field(default_factory=dict)

    def moved(self, ref: str) -> RefUpdate | None:
        """The update of `ref` in this push, if there is one."""
        return next((update for update in self.updates if update.ref == ref), None)
