"""What a reader may see and ask for, as data."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class WantRule(Enum):
    """Which ids may be asked for, beside the advertised tips."""

    TIPS = "tips"
    """Nothing else."""

    REACHABLE = "reachable"
    """Whatever an advertised ref reaches, and nothing that only a hidden one does (GIT-16)."""

    ANY = "any"
    """Any object of the repository: only where its owner asked for that (plain git serving)."""


@dataclass(frozen=True)
class RefPolicy:
    """Which refs exist for a reader.

    `shown`: prefixes of the refs that may be seen. `hidden`: git's `hideRefs` values, of which the
    last that matches decides (`!` shows again); a value covers a ref and everything below it.
    """

    shown: tuple[str, ...] = ("refs/heads/", "refs/tags/", "refs/pr/")
    hidden: tuple[str, ...] = ()
    head_always: bool = False
    """Whether HEAD is shown even if the branch that it names is not, as git does."""

    def visible(self, name: str) -> bool:
        """Whether the ref `name` (`refs/…`) may be seen; HEAD follows the ref it points at."""
        if not name.startswith(self.shown):
            return False
        for rule in reversed(self.hidden):
            hides = not rule.startswith("!")
            prefix = rule.lstrip("!").removeprefix("^").rstrip("/")
            if name == prefix or name.startswith(f"{prefix}/"):
                return not hides
        return True


SPACE_REFS = RefPolicy()
"""Branches, tags and pull requests (`refs/pr/*`); internal refs never."""

EVERY_REF = RefPolicy(shown=("refs/", "HEAD"), head_always=True)
"""What plain git shows when nothing is hidden."""
