"""How a repository may be written: which refs, which moves, which checks, which capabilities."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gitserver.receive.request import CAPABILITIES
from gitserver.upload.policy import RefPolicy

IGNORE, WARN, ERROR = "ignore", "warn", "error"


@dataclass(frozen=True)
class FsckRules:
    """What of git's fsck counts. `levels`: message id in lower case to `IGNORE`, `WARN` or
    `ERROR`, which is what every other id is. `skip`: ids of objects that are known to be bad."""

    on: bool = True
    levels: Mapping[str, str] = field(default_factory=dict)
    skip: frozenset[str] = frozenset()


PUSHABLE = RefPolicy(shown=("refs/heads/", "refs/tags/"))
"""Pull requests (`refs/pr/*`) are read and not pushed: no request of a client moves them."""


@dataclass(frozen=True)
class ReceiveRules:
    """The rules of one repository; those of a Space are the defaults (GIT-08, GIT-14, GIT-15)."""

    refs: RefPolicy = PUSHABLE
    """The refs that are shown to who pushes, and that a push may name."""

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


SPACE_RULES = ReceiveRules()
