"""Where things are: in the data folder, and in the containers of builds and apps."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from spaceport.names import SpaceKey

ENVIRONMENT = "/opt/spaceport/env"
"""The environment in an app's container, read-only: `venv/`, `boot/`, `ready.json`."""

CODE = "/opt/spaceport/code"
"""The checkout in a container, read-only."""

TOOLS = "/opt/spaceport/tools"
"""uv and our scripts in a build's container, read-only."""

WORK = "/opt/spaceport/work"
"""The one writable mount of a build's container: package cache and what is being made. It is one
mount because hard links do not cross mounts."""

HOME = "/home/user"
TMP = "/tmp"  # noqa: S108 - a container's own
APP = f"{HOME}/app"
PYTHON = f"{ENVIRONMENT}/venv/bin/python"
BOOT = f"{ENVIRONMENT}/boot"


@dataclass(frozen=True)
class Places:
    """Folders of the builder within the data folder."""

    data: Path

    @property
    def environments(self) -> Path:
        return self.data / "environments"

    @property
    def checkouts(self) -> Path:
        return self.data / "checkouts"

    @property
    def store(self) -> Path:
        return self.data / "store"

    @property
    def shared(self) -> Path:
        """Wheels, bytecode and half-made environments of installations that run no code."""
        return self.store / "shared"

    @property
    def private(self) -> Path:
        """One folder for each Space whose installation runs code."""
        return self.store / "private"

    @property
    def locks(self) -> Path:
        return self.store / "locks"

    @property
    def tools(self) -> Path:
        return self.store / "tools"

    @property
    def scratch(self) -> Path:
        """Half-made folders that no container cache belongs to; emptied at start."""
        return self.store / "scratch"

    def environment(self, fingerprint: str) -> Path:
        return self.environments / fingerprint

    def checkout(self, key: SpaceKey, revision: str) -> Path:
        return self.checkouts / key / revision

    def relative(self, path: Path) -> str:
        """As an artifact names it."""
        return path.relative_to(self.data).as_posix()
