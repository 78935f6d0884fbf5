"""A push as data: what moved, and why something was refused."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime

from spaceport.names import SpaceKey

ZERO = "0" * 40
"""The id that stands for "no object" in a ref update (git's null-oid)."""

MAIN = "refs/heads/main"
"""The branch whose head is built."""


_PULL_REQUEST = re.compile(r"refs/pr/([1-9][0-9]{0,8})")


def pull_ref(number: int) -> str:
    """The ref of the pull request of that number (11.12)."""
    return f"refs/pr/{number}"


def pull_number(ref: str) -> int | None:
    """The number of the pull request whose ref this is; None for any other ref."""
    match = _PULL_REQUEST.fullmatch(ref)
    return None if match is None else int(match[1])


def has_preview(ref: str) -> bool:
    """Whether a ref may be previewed: every branch but main, and every pull request (11.12)."""
    return (ref.startswith("refs/heads/") and ref != MAIN) or pull_number(ref) is not None


def short_ref(ref: str) -> str:
    """As people write it: `draft` for a branch, `refs/pr/3` for a pull request."""
    return ref.removeprefix("refs/heads/")


def full_ref(name: str) -> str:
    """The inverse of `short_ref`; a full name stays."""
    return name if name.startswith("refs/") else f"refs/heads/{name}"


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
class Reach:
    """What one person may push to: branches and tags, and the refs of these pull requests.

    Who may write reaches every pull request; who may not, only their own. Whether one can still be
    changed is the hooks' to say.
    """

    branches: bool = True
    pulls: frozenset[str] = frozenset()


WRITER = Reach()
"""Branches and tags, and no pull request."""
NOTHING = Reach(branches=False)


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
    reach: Reach = WRITER

    def moved(self, ref: str) -> RefUpdate | None:
        """The update of `ref` in this push, if there is one."""
        return next((update for update in self.updates if update.ref == ref), None)
