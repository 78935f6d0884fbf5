"""How a repository may be written: which refs, which moves, which checks, which capabilities."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gitserver.receive.request import CAPABILITIES
from gitserver.upload.policy import RefPolicy
from spaceport.push import Reach, pull_number

IGNORE, WARN, ERROR = "ignore", "warn", "error"


@dataclass(frozen=True)
class FsckRules:
    """What of git's fsck counts. `levels`: message id in lower case to `IGNORE`, `WARN` or
    `ERROR`, which is what every other id is. `skip`: ids of objects that are known to be bad."""

    on: bool = True
    levels: Mapping[str, str] = field(default_factory=dict)
    skip: frozenset[str] = frozenset()


PUSHABLE = RefPolicy(shown=("refs/heads/", "refs/tags/"))
"""Beside these, the pull requests (`refs/pr/*`) that are in the reach of who pushes (11.12)."""


@dataclass(frozen=True)
class ReceiveRules:
    """The rules of one repository; those of a Space are the defaults (GIT-08, GIT-14, GIT-15)."""

    refs: RefPolicy = PUSHABLE
    """The refs that are shown to who pushes, and that a push may name."""

    pulls: bool = True
    """Whether refs of pull requests may be pushed by whom they are in reach of."""

    plain_names: bool = True
    """Names of refs are UTF-8 and sane beyond what git asks for."""

    tags_to_commits: bool = True
    """Tags lead to commits only."""

    fsck: FsckRules = FsckRules()
    capabilities: tuple[str, ...] = CAPABILITIES
    delete_absent: bool = False
    """Whether a ref that is not there may be deleted, as git lets one."""

    pack_bytes: int = 0
    """The most bytes of a pack; 0 for what the settings say."""

    def reached(self, ref: str, reach: Reach) -> bool:
        """Whether a ref is shown to who pushes, and may be moved by them."""
        if self.pulls and ref in reach.pulls:
            return True
        return reach.branches and self.refs.visible(ref)

    def names(self, ref: str) -> bool:
        """Whether somebody may push to a ref of this name."""
        return self.refs.visible(ref) or (self.pulls and pull_number(ref) is not None)


SPACE_RULES = ReceiveRules()
