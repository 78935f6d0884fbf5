"""How a repository may be read: what is shown, what may be asked for, and how much at once."""

from __future__ import annotations

from dataclasses import dataclass, field

from config.git import FetchLimits
from gitserver.upload.policy import SPACE_REFS, RefPolicy, WantRule


@dataclass(frozen=True)
class UploadRules:
    """How one repository may be read."""

    refs: RefPolicy = SPACE_REFS
    wants: WantRule = WantRule.REACHABLE
    filters: bool = True
    """Whether partial clones are offered."""

    limits: FetchLimits = field(default_factory=FetchLimits)


DEFAULT_RULES = UploadRules()
