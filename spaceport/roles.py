"""Roles of members and tokens, and what a fine-grained token was granted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

from spaceport.errors import Invalid

R = TypeVar("R", bound=StrEnum)


class OrgRole(StrEnum):
    """What a member may do with the Spaces of an organisation (spaces-behaviour 14.2)."""

    NO_ACCESS = "no_access"
    READ = "read"
    CONTRIBUTOR = "contributor"  # read, and everything with what one created oneself
    WRITE = "write"
    ADMIN = "admin"


class TokenRole(StrEnum):
    """What a token may do at most; its owner's present rights limit it further (14.4)."""

    READ = "read"
    WRITE = "write"
    FINE_GRAINED = "fine-grained"


class Right(StrEnum):
    """What a grant of a fine-grained token gives."""

    READ = "read"
    WRITE = "write"
    SETTINGS = "settings"


@dataclass(frozen=True)
class Grant:
    """One line of a fine-grained token. `target_id` is the key of a Space or the id of an account
    (all its Spaces): names may change hands, ids do not."""

    target_id: str
    rights: frozenset[Right]

    def to_json(self) -> dict[str, Any]:
        return {"target": self.target_id, "rights": sorted(right.value for right in self.rights)}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Grant:
        return cls(stored["target"], frozenset(Right(right) for right in stored["rights"]))


def parse_role(text: str, kind: type[R]) -> R:
    """The role of that name. Raises `Invalid` that lists the ones there are."""
    try:
        return kind(text)
    except ValueError as error:
        known = ", ".join(kind)
        raise Invalid(f"There is no role {text!r}.", hint=f"Choose one of: {known}.") from error
