"""What a successful build leaves for the runtime to start, complete and as plain data.

The runtime needs to know nothing of SDKs: where things are mounted and what is started is said
here. Sources are relative to the data folder, so that it can be moved.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

SECRETS_FILE = "SPACEPORT_SECRETS_FILE"
"""In an artifact's `env`: where its launcher writes the secrets for the app (3.3.3)."""
SECRET_NAMES = "SPACEPORT_SECRET_NAMES"  # noqa: S105
"""Which variables those are, with commas; `builder/inside/launch.py` reads both."""
PRESTART_VARIABLE = "SPACEPORT_PRESTART"
"""`PORT:KEY`, in the environment of a process that waits for an order."""


class ArtifactKind(StrEnum):
    ENVIRONMENT = "environment"  # base image, installed dependencies and checkout, mounted
    IMAGE = "image"  # an image that holds all of it
    FOLDER = "folder"  # files that the proxy serves itself; no container


@dataclass(frozen=True)
class ArtifactMount:
    source: str  # relative to the data folder
    target: str  # absolute, in the container


@dataclass(frozen=True)
class Prestart:
    """How a process waits that has imported what this artifact's app will import.

    `command` is told by `PRESTART_VARIABLE` where to wait; see `builder/inside/prestart.py`.
    """

    command: tuple[str, ...]
    code: str  # target of the one mount that differs from app to app; may be filled later


@dataclass(frozen=True)
class Artifact:
    kind: ArtifactKind
    image: str = ""  # what the engine starts; empty for a folder
    command: tuple[str, ...] | None = None  # None: the image's own
    working_dir: str | None = None  # None: the image's own
    env: Mapping[str, str] = field(default_factory=dict)  # of the platform, not of the user
    mounts: tuple[ArtifactMount, ...] = ()
    port: int = 7860
    folder: str = ""  # FOLDER: what is served, relative to the data folder
    app_file: str = ""
    read_only_root: bool = True  # False for a user's own image, which may write where it likes
    home: str = "/home/user"  # gets a writable tmpfs when the root is read-only
    prestart: Prestart | None = None  # None: it always starts anew

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Artifact:
        """The inverse of `to_json`; keys of a newer version are ignored."""
        known = {name: stored[name] for name in cls.__dataclass_fields__ if name in stored}
        known["kind"] = ArtifactKind(known["kind"])
        command = known.get("command")
        known["command"] = None if command is None else tuple(command)
        known["mounts"] = tuple(ArtifactMount(**mount) for mount in known.get("mounts", ()))
        if (waits := known.get("prestart")) is not None:
            known["prestart"] = Prestart(tuple(waits["command"]), waits["code"])
        return cls(**known)
