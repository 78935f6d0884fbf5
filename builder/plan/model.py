"""Build plans: everything the result depends on, as data.

What to do with each is in `builder.environment`, `builder.image` and `builder.folder`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from builder.bases import Base
from builder.fingerprint import fingerprint
from spaceport.sdk import Sdk


@dataclass(frozen=True)
class EnvironmentPlan:
    """What is to be installed, before versions are resolved.

    `before` (pre-requirements.txt) is resolved and installed first, and on its own. `owner` is
    the key of the only Space that may use it, or empty: shared. `content` is the revision when
    the repository itself is installed from.
    """

    base: Base
    requirements: tuple[str, ...]
    constraints: tuple[str, ...] = ()
    before: tuple[str, ...] = ()
    indexes: tuple[str, ...] = ()
    prerelease: bool = False
    system_packages: tuple[str, ...] = ()
    owner: str = ""
    content: str = ""
    sdk: str = ""  # the package whose version the card names, for messages

    @property
    def shared(self) -> bool:
        return not self.owner

    @property
    def inputs(self) -> str:
        """Names what is asked for; equal inputs are resolved once."""
        # Wheels do not depend on Debian packages; what is compiled from source does.
        system = () if self.shared else self.system_packages
        return fingerprint(
            base=[self.base.reference, self.base.python, self.base.version],
            requirements=sorted(self.requirements) if self.shared else self.requirements,
            constraints=sorted(self.constraints) if self.shared else self.constraints,
            before=self.before,
            indexes=self.indexes,
            prerelease=self.prerelease,
            system=system,
            owner=self.owner,
            content=self.content,
        )


@dataclass(frozen=True)
class AppPlan:
    """A Gradio or Streamlit Space: an environment, and what is started in it."""

    sdk: Sdk
    environment: EnvironmentPlan
    app_file: str
    command: tuple[str, ...]
    env: Mapping[str, str]
    notes: tuple[str, ...] = ()
    preload: tuple[str, ...] = ()  # what a process imports that waits for such an app

    @property
    def port(self) -> int:
        return self.sdk.default_port

    def to_json(self) -> dict[str, Any]:
        """What is kept with the build, for people and for the next build of this Space."""
        return {
            "sdk": self.sdk.value,
            "app_file": self.app_file,
            "inputs": self.environment.inputs,
            "environment": asdict(self.environment),
        }


@dataclass(frozen=True)
class ImagePlan:
    """A Docker Space. `dockerfile` is the text to build, checked and rewritten."""

    dockerfile: str
    port: int
    arguments: tuple[str, ...] = ()  # variables that it declares with ARG
    secrets: tuple[str, ...] = ()  # secrets that it mounts
    notes: tuple[str, ...] = ()
    sdk: Sdk = field(default=Sdk.DOCKER, init=False)

    def to_json(self) -> dict[str, Any]:
        return {
            "sdk": self.sdk.value,
            "dockerfile": fingerprint(text=self.dockerfile),
            "arguments": list(self.arguments),
            "secrets": list(self.secrets),
        }


@dataclass(frozen=True)
class FolderPlan:
    """A static Space; with a command, its output is what is served."""

    app_file: str
    command: str | None = None
    notes: tuple[str, ...] = ()
    sdk: Sdk = field(default=Sdk.STATIC, init=False)

    def to_json(self) -> dict[str, Any]:
        # The command sees all variables, so a change of any is a reason to build.
        arguments = ["*"] if self.command else []
        return {"sdk": self.sdk.value, "app_file": self.app_file, "arguments": arguments}


BuildPlan = AppPlan | ImagePlan | FolderPlan
