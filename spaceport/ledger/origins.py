"""What a Space is a copy of: noted when it is made, and true also after the source is renamed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from spaceport.names import SpaceKey


@dataclass(frozen=True)
class Origin:
    """`id` and `author_id` are those of the source when it was copied; `public`: everybody could
    see it then, so that its name may be told after it is gone."""

    key: SpaceKey
    id: str
    author_id: str
    public: bool

    def to_json(self) -> dict[str, Any]:
        return {"key": self.key, "id": self.id, "author": self.author_id, "public": self.public}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Origin:
        return cls(stored["key"], stored["id"], stored["author"], bool(stored["public"]))
