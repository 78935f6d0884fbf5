"""How a repository may be read: what is shown, what may be asked for, and how much at once."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from config.git import FetchLimits, GitSettings
from gitserver.upload.policy import SPACE_REFS, RefPolicy, WantRule


@dataclass(frozen=True)
class UploadRules:
    """How one repository may be read."""

    refs: RefPolicy = SPACE_REFS
    wants: WantRule = WantRule.REACHABLE
    """What may be asked for beside the advertised tips."""

    wants_v2: WantRule | None = None
    """The same for protocol v2, where git itself never asks; None: no difference."""

    hidden_wants: bool = False
    """Whether refs that are not shown count as advertised for the two above."""

    offers: tuple[str, ...] = ("allow-reachable-sha1-in-want",)
    """The words of v0 and v1 for what may be asked for."""

    filters: bool = True
    """Whether partial clones are offered."""

    filter_kinds: tuple[tuple[str, bool], ...] = ()
    """Filters that are (not) taken: `blob:none`, `blob:limit`, `tree`, `object:type`, `combine`;
    the empty name stands for every other."""

    tree_depth: int | None = None
    """The most that `tree:N` may ask for."""

    ref_in_want: bool = True
    sideband_all: bool = True
    object_info: bool = True
    unborn: str = "advertise"
    """`lsrefs.unborn`: advertise, allow, ignore."""

    limits: FetchLimits = field(default_factory=FetchLimits)


DEFAULT_RULES = UploadRules()


def space_rules(settings: GitSettings) -> UploadRules:
    """The rules of every Space under these settings."""
    return UploadRules(refs=replace(SPACE_REFS, hidden=settings.hidden), limits=settings.fetch)
