"""What the server tells the child that examines a pack, and what it hears back. Plain JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Job:
    """Everything that the child needs to know."""

    pack: str  # the received pack; its trailer has been compared with its hash already
    quarantine: str  # an `objects` folder: the result goes to its `pack/`
    objects: tuple[str, ...]  # the repository's own `objects` folder, then borrowed ones
    tips: tuple[str, ...]  # new ids of refs
    max_objects: int
    max_inflated: int
    max_object: int
    max_metadata: int
    max_ratio: int
    max_depth: int
    max_path: int
    max_folders: int
    max_symlink: int
    memory: int
    cpu: int
    keep: int
    fsck: bool = True  # whether the form of objects is checked beyond what must be read
    levels: dict[str, str] = field(default_factory=dict)  # `rules.FsckRules`
    skip: tuple[str, ...] = ()

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Job:
        fields = json.loads(text)
        lists = {name: tuple(fields[name]) for name in ("objects", "tips", "skip")}
        return cls(**{**fields, **lists})


@dataclass(frozen=True)
class Tip:
    """A ref's new object: its kind, and the kind that tags lead to in the end; '' is missing."""

    oid: str
    kind: str = ""
    peeled: str = ""


@dataclass(frozen=True)
class Result:
    """The child's verdict. With `error` or `no_space` nothing else counts."""

    error: str = ""  # why the pack as such is refused, for `unpack <error>`
    no_space: bool = False
    name: str = ""  # `pack-…`, without suffix, in the quarantine; empty for a pack without objects
    objects: int = 0
    problems: tuple[str, ...] = ()  # "messageId: text (object …)"
    warnings: tuple[str, ...] = ()  # the same for what the rules let pass
    missing: tuple[str, ...] = ()  # what is referred to and is nowhere
    too_large: tuple[tuple[str, int], ...] = ()  # path and bytes of objects above the limit
    tips: tuple[Tip, ...] = field(default=())

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Result:
        stored: dict[str, Any] = json.loads(text)
        return cls(
            error=str(stored["error"]),
            no_space=bool(stored["no_space"]),
            name=str(stored["name"]),
            objects=int(stored["objects"]),
            problems=tuple(stored["problems"]),
            warnings=tuple(stored["warnings"]),
            missing=tuple(stored["missing"]),
            too_large=tuple((path, size) for path, size in stored["too_large"]),
            tips=tuple(Tip(**tip) for tip in stored["tips"]),
        )
